"""One command behind a proxy of its own: what `secretgate run` is made of.

`environment` says what the command is to be started with, `plan` what the proxy is, `proxy` starts
it (`mitm` is the process itself, `session` its line back to us), `command` puts them together.
"""
