"""What runs inside another project's tests: it makes every model live, and writes down how each test ended."""
