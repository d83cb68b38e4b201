"""The response path: from the bytes of an answer to what the client receives.

`responses` decides how an answer is processed and decodes it; `answers` has one class for each way:
event by event, as one document, or as plain text. What happens to an event is in `events`:

* `beginnings` finds where placeholders may begin; an event without one is forwarded as it is;
* `event_reader` reads any other event: its texts, and which texts it ends (`end_marks` tells whether
  it may end all);
* `shapes` and `matching` recognise events like one that was read, so that few are read;
* `restoration` puts the values back, `open_texts` keeps what is held back of each text, and `extras`
  sends it before the text ends.

Beside that, `written` gives the texts of the answer (`spoken`) to the detector, to remember what the
provider wrote itself, and `leftovers` tells which placeholders were restored and which were not.
"""
