"""Which rows, exactly: the snapshot and the delta of a live query, and which live queries a change concerns."""
