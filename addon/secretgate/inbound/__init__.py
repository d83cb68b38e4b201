"""The response path: from the bytes of an answer to what the client receives."""
