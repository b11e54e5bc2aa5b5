"""Doctor: tries the path of a change for real, layer by layer, and says what works, what is slow and what is off.

It writes a row of its own, which it takes away again, and changes that concern nobody, which go with the log.
"""
