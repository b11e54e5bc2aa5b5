"""Transports: what carries the messages. They decide nothing, and know nothing of one another."""
