"""The basis of the end-to-end tests: a recording provider, a real mitmdump, conversing clients.

`provider` speaks the providers' wire formats over real TLS and records every byte; `proxy` runs
mitmdump; `clients` hold conversations like an SDK or a bare HTTP client; `secrets` plants values
and searches for them.
"""
