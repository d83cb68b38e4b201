"""The request path: from the body of a request to what the provider receives.

`requests` defines a request and the decision on it. `heads` decides on a whole request: on its head
itself, on its body through `deciding`, which defines the order of the steps. `refusal_reasons` has the
messages of refusals, `refusals` their formats. `redaction` holds what outlasts a request, and
`inspection` replaces what is found in one:

* `texts` obtains the text of each slot; detection searches it, `split_keys` several together;
* `naming` decides what is a secret and what it is called; `spelled` and `hidden` deal with secrets
  that no placeholder could stand for otherwise, because of how they are written;
* `edits` turns findings into edits of the bytes, and `spots` into what people are told;
* `egress` searches the outgoing bytes for every secret once more.

Around that, `credentials` knows what a request tells its receiver on purpose, `references` which earlier
answers it refers to, `signatures` what it states about its own bytes, `models` which model it asks for.
`handover` passes placeholders of a model to tool calls. `attempts` gives up what takes too long for the
event loop. `spans` looks up findings by position.
"""
