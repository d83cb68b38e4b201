"""The audit log: who sent which kind of secret where, what was done, what could not be inspected.

`record` defines what is written, `chain` links each record to the previous one, `journal` manages
the files, `writer` decouples requests from the disk, and `trail` is what the gate calls. `verify`,
`totals` and `page` read the log.
"""
