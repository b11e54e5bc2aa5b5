"""The oracle: random live queries under random transactions, compared with fresh QuerySets.

`test_ticks.py` runs hubs and connections in this process and decides each tick itself, so that it can look at every
frame. `test_servers.py` runs real servers, writers and clients.
"""
