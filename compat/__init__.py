"""Other people's tests, run with every model live beside the same run without the app: `make compat`."""
