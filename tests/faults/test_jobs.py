"""Jobs whose worker is killed: clients of every process see it, and the next worker takes the job up."""

import pytest

from tests.support.waiting import wait_until

RUN = """
import realtime
with realtime.job(User.objects.get(), "Import", total=10) as job:
    job.advance(3)
    time.sleep(600)
"""


@pytest.mark.short
def test_a_killed_worker_is_seen_as_a_failed_job(make_site, clients, report):
    site = make_site()
    worker, other = site.worker(), site.worker()
    other.run("from realtime.models import Job, TextLease; import realtime")
    other.run("from tests.support.logins import new_session")
    session = other.ask("new_session(User.objects.create(username='ada'))")
    watching = [clients(site.serve().url, session=session) for _ in range(2)]
    for client in watching:
        client.subscribe("realtime.jobs", {})
    clients.wait_until_live()

    def states() -> list[tuple[str, int, bool]]:
        rows = [row for client in watching for _, row in client.rows()]
        return [(row["state"], row["done"], row["worker_died"]) for row in rows]

    worker.send(RUN)
    wait_until(lambda: states() == [("running", 3, False)] * 2, what="the progress at each client", timeout=40)
    worker.kill()
    wait_until(lambda: states() == [("failed", 3, True)] * 2, what="the end at each client", timeout=40)
    assert other.ask("TextLease.objects.count()") == 0
    other.run("with realtime.run_job(Job.objects.get()) as job: job.advance(10)")
    wait_until(lambda: states() == [("complete", 10, False)] * 2, what="the next run at each client", timeout=40)
    report("a worker killed in a job that clients of two servers saw: failed within its lease, and run again")
