"""Writer: a separate process that writes rows. Each line of its input is a call of a function in `peers.rows`.

    python -m benchmarks.writer

A line is a function's name, its arguments and its named arguments, as JSON. The answer is the result, as JSON.
"""

import json
import os
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    os.environ.setdefault("BENCH_PEER", "ours")
    django.setup()

    from benchmarks.peers import rows

    import_module(f"benchmarks.peers.{os.environ['BENCH_PEER']}")  # which may observe the writes
    for line in sys.stdin:
        function, args, options = json.loads(line)
        print(json.dumps(getattr(rows, function)(*args, **options)), flush=True)
