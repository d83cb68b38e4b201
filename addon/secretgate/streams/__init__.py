"""The bytes of a streamed answer as frames, and back: one module per format; no I/O.

`base` defines frames, framers and runs; `framers` chooses the framer of an answer.
"""
