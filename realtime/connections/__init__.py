"""One client: its connection, subscriptions and calls, over any transport."""
