"""Revocation: finds the changes after which clients must be authorized again, in the same log as all other changes."""

from __future__ import annotations

import datetime
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps

from realtime.auth.users import user_database, user_model
from realtime.changelog.base import LoggedChange
from realtime.models import Change
from realtime.streams.stream import is_user
from realtime.streams.validation import valid_streams

if TYPE_CHECKING:
    from django.db.models import Model

# label of access changes without a model's row, with keys such as "user:5", "session:<digest>", "end:<connection>"
ACCESS_MODEL = "realtime.access"
SESSIONS = "sessions"  # some sessions have ended; the log does not say which
GROUP = "auth.group"
PERMISSION = "auth.permission"
MAX_USERS = 10_000  # whose fields are compared
USERS_PER_QUERY = 250


class Access(NamedTuple):
    """The clients to authorize again: those of these users, these sessions or these streams, or all.

    `owners` has the users whose own rows have changed, by stream. Other users of the stream need no check if their
    access depends on their own rows alone.
    """

    users: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    owners: Mapping[str, frozenset[str]] = {}
    everyone: bool = False
    all_sessions: bool = False  # all clients with a session
    ended: frozenset[str] = frozenset()  # connections that must end in any case, by id or by "user:" and key

    def __bool__(self) -> bool:
        return self != Access()


EVERYONE = Access(everyone=True)


class AccessDependencies:
    """The models that access depends on, according to the registered streams."""

    def __init__(self) -> None:
        self.user_labels = {model._meta.label_lower for model in _with_parents(user_model())}
        self.stream_labels: defaultdict[str, set[str]] = defaultdict(set)
        # fields with the users whose access a row affects
        self.affected_fields: defaultdict[str, set[str]] = defaultdict(set)
        self._owner_fields: dict[str, set[str]] = {}  # with a row's users, of models that are named without a field
        self._named_user_models: set[str] = set()  # user models that a stream names: all their fields matter
        self.users = UserFields()
        for stream in valid_streams():
            for model, field in stream.authorize_grounds():
                label = model._meta.label_lower
                if field:
                    self.affected_fields[label].add(field)
                elif label in self.user_labels:
                    self._named_user_models.add(label)
                else:
                    self.stream_labels[label].add(stream.name)
                    self._owner_fields[label] = set(user_columns(model).values())

    def access(self, changes: Iterable[LoggedChange]) -> Access:
        """Return the clients whose access these changes affect. This may read the changed users."""
        users: set[str] = set()
        written: set[str] = set()  # updated users, perhaps without a field that matters
        sessions: set[str] = set()
        streams: set[str] = set()
        ended: set[str] = set()
        owners: defaultdict[str, set[str]] = defaultdict(set)
        all_sessions = False
        linked: set[str] = set()  # models whose rows were linked
        for change in changes:
            model, operation = change.model, change.operation
            linked |= {model} if operation == Change.Kind.LINK else set()
            # when a permission is granted, the permission and its user or group are linked
            is_revoked = model == PERMISSION and operation not in (Change.Kind.UPDATE, Change.Kind.LINK)
            is_unknown = operation == Change.Kind.REREAD and (model in self.user_labels or model == ACCESS_MODEL)
            if (model == GROUP and operation != Change.Kind.LINK) or is_revoked or is_unknown:
                return EVERYONE
            if model in self.user_labels:
                only_written = operation == Change.Kind.UPDATE and model not in self._named_user_models
                (written if only_written else users).add(change.key)
            if model in self.affected_fields:
                named = _named_users(change, self.affected_fields[model])
                users |= named or set()
                # a row without a known user may affect any user
                streams |= self._streams_of(model) if named is None else set()
            if model in self.stream_labels:
                named = _named_users(change, self._owner_fields[model])
                streams |= self.stream_labels[model] if named is None else set()
                for name in self.stream_labels[model]:
                    owners[name] |= named or set()
            if model == ACCESS_MODEL:
                kind, _, name = change.key.partition(":")
                if kind == SESSIONS:
                    all_sessions = True
                    continue
                {"user": users, "end": ended}.get(kind, sessions).add(name)
        # a group is linked with a permission when its permissions change, and with a user when its members change
        if GROUP in linked and (PERMISSION in linked or linked.isdisjoint(self.user_labels)):
            return EVERYONE
        users |= self.users.changed(written - users)
        return Access(
            frozenset(users),
            frozenset(sessions),
            frozenset(streams),
            {name: frozenset(found) for name, found in owners.items() if name not in streams},
            all_sessions=all_sessions,
            ended=frozenset(ended),
        )

    def _streams_of(self, label: str) -> set[str]:
        return {
            stream.name
            for stream in valid_streams()
            if any(field and model._meta.label_lower == label for model, field in stream.authorize_grounds())
        }


def _named_users(change: LoggedChange, fields: Collection[str]) -> set[str] | None:
    """Return the users that these fields of a changed row name now or named before, or None if the log has not all."""
    named = [(change.routing or {}).get(field) for field in fields]
    if not named or not all(named):  # one has no values in the log
        return None
    return {value for values in named if values for value in values if value is not None}


class UserFields:
    """Digests of the rows of present users. Most writes to a user's row, such as `last_login`, do not affect access.

    All fields matter except `last_login` and dates that were and are in the past: they record when something happened,
    such as "last seen". If a stream needs these too, it names the model in `authorize_depends_on`.
    """

    def __init__(self) -> None:
        self.present: frozenset[str] = frozenset()  # users with clients in this process
        self._digests: dict[str, bytes] = {}
        self._stored: frozenset[str] | None = None  # users whose digests are stored

    def changed(self, users: Collection[str]) -> set[str]:
        """Return the users with a changed field that matters, as far as is known; then store all present users."""
        if not users and self._stored is self.present:  # as at most changes
            return set()
        known = {user: self._digests.pop(user) for user in users if user in self._digests}
        self._digests = {user: digest for user, digest in self._digests.items() if user in self.present}
        self._digests |= self._read(self.present - self._digests.keys())
        self._stored = self.present
        return {user for user in users if user not in known or known[user] != self._digests.get(user)}

    def _read(self, users: Collection[str]) -> dict[str, bytes]:
        model: Any = user_model()
        if model is None or not users or len(users) > MAX_USERS:
            return {}
        found = {}
        keys = [model._meta.pk.to_python(user) for user in users]
        fields = [field for field in model._meta.concrete_fields if field.name != "last_login"]
        rows = model._base_manager.using(user_database())
        for start in range(0, len(keys), USERS_PER_QUERY):
            some = rows.filter(pk__in=keys[start : start + USERS_PER_QUERY])
            for key, *values in some.values_list("pk", *(field.attname for field in fields)):
                parts = [_without_the_past(value) for value in values]
                found[str(key)] = hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()
        return found


def _without_the_past(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        now = datetime.datetime.now(tz=value.tzinfo)
        return value if value > now else "past"
    if isinstance(value, datetime.date):
        return value if value > datetime.datetime.now(tz=datetime.UTC).date() else "past"
    return value


def access_models() -> list[type[Model]]:
    """Return every model that must be captured because access depends on it."""
    models = [*_with_parents(user_model()), *_permission_models()]
    for stream in valid_streams():
        models += stream.authorize_models()
    return models


def user_fields() -> Iterable[tuple[type[Model], str]]:
    """Yield the fields with the users whose access a row affects, or with a row's users; the log needs them."""
    for stream in valid_streams():
        for model, field in stream.authorize_grounds():
            yield from ((model, name) for name in ([field] if field else user_columns(model).values()))


def user_columns(model: type[Model]) -> dict[str, str]:
    """Return the columns of a model's table that refer to users by their keys, with the names of their fields."""
    meta: Any = model._meta
    if meta.all_parents or model in _with_parents(user_model()):
        return {}
    return {field.column: field.name for field in meta.concrete_fields if is_user(model, field.name)}


def _permission_models() -> list[type[Model]]:
    if not apps.is_installed("django.contrib.auth"):
        return []
    # memberships are many-to-many relations, and both of their sides are logged
    return [apps.get_model(GROUP), apps.get_model(PERMISSION)]


def _with_parents(model: type[Model] | None) -> list[type[Model]]:
    if model is None:
        return []
    return [model._meta.concrete_model or model, *model._meta.get_parent_list()]
