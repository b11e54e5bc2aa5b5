"""Settings of the processes under fault: the test project's, with what the environment changes.

REALTIME_TEST_SITE is the folder of the site, where its SQLite file is. REALTIME_TEST_SETTINGS holds more settings as
JSON. REALTIME_TEST_CLOCK is the number of seconds by which the process's clock is wrong; SIGUSR1 has it jump by as
many more. Every SQL statement is counted, by table.
"""

import json
import os
import signal
import time

from django.db.backends.signals import connection_created

from tests.settings import *  # noqa: F403
from tests.settings import BACKEND, DATABASES, INSTALLED_APPS
from tests.support import faults_counting

if WRONG_SECONDS := float(os.environ.get("REALTIME_TEST_CLOCK", "0")):
    true_time = time.time
    jumps = [WRONG_SECONDS]
    time.time = lambda: true_time() + sum(jumps)
    signal.signal(signal.SIGUSR1, lambda *_: jumps.append(WRONG_SECONDS))

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults"]
ROOT_URLCONF = "tests.faults.urls"
# a thousand clients may be one user here
REALTIME_QUERY_SECONDS = 60.0  # nothing is slow because the machine is busy
REALTIME_LIMITS = {
    "connections_per_user": 10_000,
    "messages_per_second_per_user": 10_000.0,
    "checks_per_second": 10_000.0,
    "presence_per_second": 1000.0,
}
given = json.loads(os.environ.get("REALTIME_TEST_SETTINGS", "{}"))
REALTIME_LIMITS |= given.pop("REALTIME_LIMITS", {})
globals().update(given)

if BACKEND == "sqlite":
    DATABASES["default"]["NAME"] = os.path.join(os.environ["REALTIME_TEST_SITE"], "site.sqlite3")
elif BACKEND == "postgresql":
    # so that a process's connections can be told from those of others
    DATABASES["default"]["OPTIONS"] = {"application_name": f"process {os.getpid()}"}

connection_created.connect(faults_counting.count_statements, dispatch_uid="faults")
