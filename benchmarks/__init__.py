"""Benchmarks: commands that measure a real server on this machine. Each is run with `python -m benchmarks.<name>`."""
