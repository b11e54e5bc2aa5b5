"""Hints and events between processes. They may be lost."""
