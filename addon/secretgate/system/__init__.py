"""The proxy for everything on this account: a service, and what points programs at it.

`plan` says step by step what is to be changed on this system (`linux`, `macos`, `windows`, and what they share:
`shells`, `editors`), `changes` does and undoes steps, `record` remembers them. Nothing is changed that is not
recorded first.
"""
