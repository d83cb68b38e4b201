"""What the end-to-end tests stand on: a recording provider, a real mitmdump, clients that converse.

`provider` speaks the providers' wire formats over real TLS and remembers every byte; `proxy` runs
mitmdump; `clients` hold conversations as an SDK or a bare HTTP client would; `secrets` plants values
and hunts for them.
"""
