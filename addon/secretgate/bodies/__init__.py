"""The bytes of a body as slots, and back: one module per format, and what they share; no I/O.

`base` defines slots, edits and bodies. `encodings` undoes the compression, with a stage of `codings` for
each coding, and `readers` chooses the reader: `json_*`, `jsonl`, `multipart`, `urlencoded`, `protobuf`,
`envelopes` (gRPC) or `text`. `forms` decodes and encodes the text of a slot, `steps` reads its path,
`documents` finds the text inside of files.

JSON is read in two ways with the same result. `json_reader` is the strict reader: it decides in case
of doubt, reads answers and, with `json_spans`, bodies without a history. `json_walk` is the fast one:
it steps through what `between` knows of the grammar, skips what the history knows, and stores what
is left (`json_body`) in `columns`. Both follow `paths`, a table of a dialect's paths.
"""
