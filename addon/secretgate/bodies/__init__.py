"""The bytes of a body as slots, and back: one module per format, and what they share; no I/O."""
