"""Prepare: creates tables, rows and a user in a database for the Python peers, and prints the user's session key."""

import os

import django

if __name__ == "__main__":
    os.environ["BENCH_PEER"] = "ours"
    django.setup()

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    from benchmarks.peers.models import Item

    call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)  # the peers' tables, which refer to those of users
    Item.objects.bulk_create([Item(room=1, text=f"row {number}") for number in range(10)])
    client = Client()
    client.force_login(User.objects.create(username="ada"))
    print(client.cookies["sessionid"].value)
