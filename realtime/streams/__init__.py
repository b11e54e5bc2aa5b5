"""What a user declares: streams, their actions, and the registry that finds them. No query runs here."""
