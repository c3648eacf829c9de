"""The fault matrix: every operation that changes something, and everything that can go wrong on its way.

`hook_methods` and `operators` say what is done, `faults` what goes wrong, `rules` what must come of it. All
of it is data; `tests/emulator/test_fault_matrix.py` carries it out, `page` makes `docs/fault-matrix.md`.
"""
