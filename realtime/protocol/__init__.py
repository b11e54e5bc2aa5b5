"""The protocol: messages, their encoding, and one client's state. No Django, no event loop, no clock, no I/O."""
