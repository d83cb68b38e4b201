"""Runs one command behind its own proxy; the implementation of `secretgate run`.

`environment` computes the command's environment, `plan` the proxy's configuration, `proxy` starts
the proxy (`mitm` is its process, `session` its connection to us), and `command` puts them together.
"""
