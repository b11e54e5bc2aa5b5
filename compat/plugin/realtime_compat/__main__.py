"""Runs another project's tests: `python -m realtime_compat SCRIPT …`, or `python -m realtime_compat -m MODULE …`.

Environment:

- REALTIME_COMPAT_RESULTS: the file to which each test's outcome is appended, a line of JSON each
- REALTIME_COMPAT_CAPTURE: "orm", "triggers" or "signals"; empty where the app is not installed, for comparison
- REALTIME_COMPAT_DATABASE: an entry of Django's DATABASES to take in place of the project's own, as JSON, or empty
- REALTIME_COMPAT_NAME: what the names of databases begin with
- REALTIME_COMPAT_STREAMS: "plain" for streams without `partition_by` and `depends_on`
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from realtime_compat import queries, results, setup


def main() -> None:
    results.record(Path(os.environ["REALTIME_COMPAT_RESULTS"]))
    capture = os.environ["REALTIME_COMPAT_CAPTURE"]
    setup.install(capture)
    if capture:
        queries.leave_out_own()
    script, *arguments = sys.argv[1:]
    if script == "-m":
        module, *arguments = arguments
        sys.argv = [module, *arguments]
        sys.path[0] = str(Path.cwd())
        if module == "pytest":
            sys.argv[1:1] = ["-p", "realtime_compat.pytest_results"]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [script, *arguments]
        sys.path[0] = str(Path(script).resolve().parent)
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
