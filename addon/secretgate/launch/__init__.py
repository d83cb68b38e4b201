"""Runs a command behind a proxy of its own (`secretgate run`), or the proxy alone (`secretgate serve`).

`environment` computes the command's environment, `plan` the proxy's configuration, `proxy` starts
the proxy (`mitm` is its process, `session` its connection to us), and `command` puts them together:
`signals` passes signals on, `isolation` (with `enter`) leaves the command no other way out, `daemons`
keeps tools from handing their work to a daemon, and `summary` is the line at the end.

`serving` is what `secretgate serve` starts; `directory` checks its users. `running` detects a proxy that
is there already, and `upstream` is the one through which ours has to go out.
"""
