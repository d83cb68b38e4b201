"""Everything specific to mitmproxy: flows, connections and certificates.

The hooks in `gate.py` call it; no other package deals with flows. `flows` reads and writes requests,
`passing` lets answers through, `calls` the messages of calls, `socket_hooks` those of WebSockets;
`exchange` is the state of a flow in between. `threads` decides where a request is processed,
`reporting` reports on it, `afterwards` postpones what can wait until an answer has ended, and `upkeep`
runs in the background.

`options` and `own_ca` set mitmproxy up, `access` and `own_address` say who may use it and what is meant
for itself. The others change how mitmproxy behaves, one module for each change.
"""
