"""PresenceStream: the present users of a stream with parameters, as live rows."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps

from realtime.streams.decorators import live_value
from realtime.streams.place import PlaceStream
from realtime.streams.stream import ModelStream

if TYPE_CHECKING:
    from django.db.models import QuerySet

SUFFIX = ":presence"
EVERYONE = ":presence:all"


class PresenceStream(PlaceStream):
    """The present users of a stream. `presence = True` registers one as "NAME:presence".

    Its rows are the first fifty users; its live value `count` is the number of all users. "NAME:presence:all" has a
    row for each user: if all users subscribe to it, the cost is the square of their number.

    Users who may see the stream may see who is present. Subclass it to show other fields, and set the stream's
    `presence` to the subclass:

        class People(PresenceStream):
            fields = ["user", "name", "data", "user.email"]
            template_name = "board/_person.html"

        @register("tasks")
        class TaskStream(ModelStream):
            presence = People
    """

    shown: ClassVar[int | None] = 50
    """The maximum number of rows, longest present first; None: no maximum."""

    fields = ("user", "name", "data", "since")
    template_name = "realtime/present_user.html"
    depends_on = ("user",)

    def get_queryset(self, **params: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = self._rows_of_place().select_related("user").order_by("since", "pk")
        return rows[: self.shown]

    @live_value
    def count(self) -> int:
        """Return the number of present users."""
        return int(self._rows_of_place().count())

    @classmethod
    def derive(cls, stream: type[ModelStream], **options: Any) -> type[PresenceStream]:
        """Return the presence stream of `stream`."""
        return cls.derived(stream, "presence", model=apps.get_model("realtime.Presence"), **options)


def presence_of(stream: type[ModelStream]) -> type[PresenceStream] | None:
    """Return the stream's presence class, or None."""
    if stream.presence is True:
        return PresenceStream
    wanted = stream.presence
    return wanted if inspect.isclass(wanted) and issubclass(wanted, PresenceStream) else None
