"""The published tools, behind `secretgate run` and in front of a provider on loopback.

`installing` installs them; `tools` says how each is started, logged in and resumed; `hands` how
the model calls the tools that each offers; `agent` what the model does; `vendors` what their other
services answer. `world` starts everything, `scenes` plays, `judging` says what was wrong, and
`report` writes `docs/clients.md`.
"""
