"""Runs a stream's actions and forms for a client."""
