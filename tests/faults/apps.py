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
        if getattr(settings, "FAULTS_LOW_BOUNDS", False):
            from tests.oracle import bounds  # which imports what reads settings

            for module, name, value in bounds.lower_bounds():
                assert isinstance(getattr(module, name), int | float)
                setattr(module, name, value)
