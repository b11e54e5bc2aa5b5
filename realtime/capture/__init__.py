"""Notices changes of live models, and appends them to the log in the writer's own transaction."""
