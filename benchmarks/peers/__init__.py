"""Peers: the servers that are compared, each as small as it can be and at its best settings."""
