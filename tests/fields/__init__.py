"""Rows with every type of field, as an app of the test project."""
