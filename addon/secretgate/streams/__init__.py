"""The bytes of a streamed answer as frames, and back: one module per format; no I/O."""
