"""System checks: they report wrong configuration at start, with hints."""
