"""The whole job on one machine: a provider, a proxy and a tool, with secrets nobody has to fear for.

`secretgate demo` runs it for people, and the end-to-end tests build on the same three pieces: a
throw-away authority, secrets of the right shape made at run time, and a script that leads a
mitmproxy's upstream connections to loopback. Nothing here is loaded by the gate itself.
"""
