"""The tools themselves, as published, behind `secretgate run` and before a provider on loopback.

`installing` gets them, `tools` says how each is started, logged in and resumed, `hands` how the model calls
the tools each of them offers, `agent` what the model does, `vendors` what else their services answer. `world`
starts all of it, `scenes` plays, `judging` says what was wrong, `report` writes `docs/clients.md`.
"""
