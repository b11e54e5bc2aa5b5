"""The writers of live texts, in any process."""
