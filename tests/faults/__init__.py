"""Faults: real processes are killed, cut off and held up, and nothing may be lost.

Each test prints one line: what was tried, and what was lost. `make faults` runs them all.
"""
