"""UserStream: the base of the streams of jobs and notifications, whose rows only their user sees."""

from __future__ import annotations

from typing import Any

from realtime.streams.stream import ModelStream


class UserStream(ModelStream):
    """Rows with a foreign key `user`, for this user, in the language of this user."""

    audience_by = "user"
    localize = True

    def authorize(self, user: Any, **params: Any) -> bool:
        return bool(user.is_authenticated)

    def audience(self, user: Any, **params: Any) -> Any:
        return user.pk
