"""SQL of what the log records, for the writable CTE and for triggers."""
