"""Streams as projects declare them, their actions, and the registry. No query runs here."""
