"""Sends hints and events between processes. They may be lost."""
