"""A complete run on one machine: a provider, a proxy and a tool, with fake secrets.

`secretgate demo` shows it to people, and the end-to-end tests use the same three pieces: a
throw-away certificate authority, secrets of the right shape generated at run time, and a script
that redirects mitmproxy's upstream connections to loopback. The gate itself loads nothing from
here.
"""
