"""SQL that writes log entries, for the writable CTE, INSERT … SELECT, and triggers."""
