"""The Django app of the peers that are written in Python."""

from django.apps import AppConfig


class PeersConfig(AppConfig):
    name = "benchmarks.peers"
    label = "peers"
