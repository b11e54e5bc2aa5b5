"""Writer: a separate process that commits new rows, ten in each transaction.

    python -m benchmarks.writer NUMBER FIFO

It prints that it is ready, and begins when something is written to the FIFO.
"""

import os
import sys
from pathlib import Path

import django

if __name__ == "__main__":
    os.environ["BENCH_PEER"] = "ours"
    django.setup()

    from benchmarks.peers.rows import write_all

    number, fifo = int(sys.argv[1]), Path(sys.argv[2])
    write_all(1)
    print("ready", flush=True)
    fifo.read_bytes()
    write_all(number, at_once=10)
