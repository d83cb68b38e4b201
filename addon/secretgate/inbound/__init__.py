"""The way back: from the bytes of an answer to what the tool gets."""
