"""Peers: the servers in the comparison, each as small as possible and with its best settings."""
