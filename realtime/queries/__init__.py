"""Live queries: their snapshots and deltas, and which of them a change affects."""
