"""The hub, one per process: reads the change logs, owns the live queries, and distributes changes."""
