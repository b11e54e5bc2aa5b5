"""Benchmarks: commands that measure a real server on this machine. Run each with `python -m benchmarks.<name>`."""
