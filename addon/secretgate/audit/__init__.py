"""The audit log: who sent what kind of secret where, what was done about it, and what could not be seen.

`record` says what is written, `chain` how a record is bound to the one before, `journal` where the lines go,
`writer` keeps the disk away from the requests, and `trail` is what the gate calls. `verify`, `totals` and `report`
read it again.
"""
