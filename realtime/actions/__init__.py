"""Runs a stream's actions and forms: the code of a user, on behalf of a client."""
