"""The app of the processes under fault."""

from django.apps import AppConfig
from django.conf import settings


class FaultsConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        from tests.support import faults_hints  # models are ready only now

        faults_hints.count_hints()
        faults_hints.wait_for(
            poll=getattr(settings, "FAULTS_POLL_SECONDS", None),
            rejoin=getattr(settings, "FAULTS_REJOIN_SECONDS", None),
        )
