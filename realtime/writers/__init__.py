"""The writers of live texts and jobs, in any process."""
