"""Decisions about earlier turns of a conversation, so that a turn costs only what is new in it."""
