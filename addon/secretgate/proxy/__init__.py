"""Everything specific to mitmproxy: flows, connections and certificates.

The hooks in `gate.py` call it; no other package deals with flows. `flows` reads and writes requests,
`passing` lets answers through, `socket_hooks` the messages of WebSockets; `exchange` is the state of a
flow in between. `threads` decides where a request is processed, `telling` reports on it. The others
change how mitmproxy behaves, one module for each change.
"""
