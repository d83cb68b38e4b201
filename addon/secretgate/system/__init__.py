"""The proxy for everything on this account: a service, and the settings that direct programs to it.

`plan` lists the changes for this system (from `linux`, `macos`, `windows`, and the shared `shells`
and `editors`), `changes` applies and undoes them, `record` remembers them. Nothing is changed
before it has been recorded.
"""
