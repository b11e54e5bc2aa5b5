"""Transports: they carry messages, make no decisions, and do not depend on one another."""
