"""What was decided about earlier turns of a conversation, so that a turn costs what is new in it."""
