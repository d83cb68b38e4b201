"""Decisions about earlier turns of a conversation, so that a turn costs only what is new in it.

`verdicts` keeps what was decided about *units* of a body, which `units` makes of its items; `recall`
checks whether that still holds. Units are recognised by keyed `digests` of their bytes.
"""
