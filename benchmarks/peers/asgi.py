"""The ASGI application of the peer BENCH_PEER."""

import os
from importlib import import_module

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.settings")
get_asgi_application()

application = import_module(f"benchmarks.peers.{os.environ['BENCH_PEER']}").application
