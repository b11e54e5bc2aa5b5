"""Tables: which tables capture watches, and which values of their rows the log needs.

A live model has rows in its own table and, with multi-table inheritance, in those of its parents. Its many-to-many
relations are rows of through tables. A change to any of these rows is a change of the model's object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import FieldError
from django.db import connections, models, router

from realtime.auth.revocation import access_models, user_fields
from realtime.auth.users import access_log_model
from realtime.capture.untracked import untracked_columns
from realtime.streams.keys import key_text, stored, target
from realtime.streams.relations import is_generic, through_foreign_keys, through_model
from realtime.streams.validation import valid_streams

if TYPE_CHECKING:
    from django.db.models import Model

# Equal values of these types have equal texts. A change routed by another type concerns every live query.
ROUTABLE = (models.IntegerField, models.BooleanField, models.UUIDField, models.DateField, models.CharField)
NOT_ROUTABLE = (models.DateTimeField,)

Row = Mapping[str, Any]
"""Values of a row by attribute name, as far as they have been read."""


class Column(NamedTuple):
    """A field of a watched table, and the field at the end of its foreign keys, which defines the type."""

    name: str
    field: Any
    target: Any

    def text(self, value: Any) -> str | None:
        """Return the text of a value, for comparison with a stream's parameter or with a key."""
        return None if value is None else key_text(stored(self.target, value))


Routing = Mapping[str, Column] | None
"""The columns that route a model's changes, by field name. None: each change concerns every live query.

Only columns of one table and its parents are included, because a statement changes no other tables.
"""


class StreamRows(NamedTuple):
    """The row is part of an object of a live model."""

    label: str
    routing: Routing


class Link(NamedTuple):
    """The row links to an object of a live model, through the foreign key `column`."""

    label: str
    column: Column
    model: type[Model]
    routing: Routing

    @property
    def is_key(self) -> bool:
        """Whether the column holds the object's primary key."""
        return bool(self.column.field.target_field.primary_key)


class Table:
    """What to watch in the table of one model.

    `rereads` are labels of models to reload on any change, because the row does not identify the objects concerned.
    `cascades` are labels of models whose tables the database itself changes when a row is deleted here.
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.name: str = model._meta.db_table
        self.keys = [column(field) for field in model._meta.pk_fields]
        self.own: list[StreamRows] = []
        self.links: list[Link] = []
        self.rereads: set[str] = set()
        self.cascades: set[str] = set()
        self.untracked: set[str] = set()  # attributes whose changes need no log entry
        self.is_followed = False  # rows of other tables may depend on its rows, so an unchanged row is worth finding

    @cached_property
    def labels(self) -> set[str]:
        """The labels of the live models that need this table."""
        return {part.label for part in self.own} | {part.label for part in self.links} | self.rereads

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns that the log needs, by attribute: the key, the routing columns, and the links."""
        routing = [item for own in self.own for item in (own.routing or {}).values()]
        parts = [*self.keys, *routing, *(link.column for link in self.links)]
        return {part.name: part for part in parts}

    @cached_property
    def names(self) -> list[str]:
        """The attributes that the log needs; with multi-table inheritance, some are in a parent's row."""
        return list(self.columns)

    @cached_property
    def own_columns(self) -> list[Column]:
        """The columns that are in this table itself."""
        return [part for part in self.columns.values() if part.field.model._meta.concrete_model is self.model]

    def key(self, row: Row) -> str:
        texts = [column.text(row[column.name]) for column in self.keys]
        return key_text(texts) if len(texts) > 1 else str(texts[0])


def column(field: Any) -> Column:
    return Column(field.attname, field, target(field))


@dataclass
class NeededFields:
    """The fields of a live model that the log needs: those that route its changes, and those that point to other rows.

    Pointing fields are not compared as text: the rows that they point to are looked up. `is_followed` is that of
    `Table`.
    """

    routing: set[str] = dataclass_field(default_factory=set)
    pointing: set[str] = dataclass_field(default_factory=set)
    is_followed: bool = False


def live_models() -> dict[type[Model], NeededFields]:
    """Return every model whose changes are needed, with the fields that the log needs.

    These are the models of streams, the models that streams, their rows and live values depend on, and the models that
    authorization depends on.
    """
    found: defaultdict[type[Model], NeededFields] = defaultdict(NeededFields)
    for stream in valid_streams():
        found[stream.model._meta.concrete_model or stream.model].routing.update(stream.routing_fields())
        for dependency in stream.dependencies():
            needed = found[dependency.model]
            needed.pointing.update({dependency.points, dependency.kind} - {""})
            needed.is_followed = True
        if stream.audience_by and (links := stream.audience_path().links):
            found[links.model].pointing.update({links.row, links.audience})
        for model in stream.row_models():
            found[model]
        for dependencies in stream.value_models().values():
            for model in dependencies:
                found[model]
    for model in access_models():
        found[model]
    for model, field in user_fields():
        found[model].pointing.add(field)
    return dict(found)


def database_of(model: type[Model]) -> str | None:
    """Return the database that the model is written to; None if no router can say, which a check reports."""
    try:
        alias = router.db_for_write(model)
    except Exception:  # routers may need what only a request has, such as a tenant
        return None
    return alias if alias in connections else None


def log_databases(live: Iterable[type[Model]] | None = None) -> set[str]:
    """Return the databases whose logs are read, those of the `live` models. Writes to others are not captured."""
    return {alias for model in (live_models() if live is None else live) if (alias := database_of(model))}


def needed_databases() -> list[str]:
    """Return the databases that need the log: those of live models, and that of the users."""
    return sorted(log_databases([*live_models(), access_log_model()]))


def watched_tables(live: Mapping[type[Model], NeededFields] | None = None) -> dict[type[Model], Table]:
    """Return the tables to watch for the `live` models, by model."""
    tables: dict[type[Model], Table] = {}

    def table(model: Any) -> Table:
        concrete = model._meta.concrete_model
        return tables.setdefault(concrete, Table(concrete))

    for model, needed in (live_models() if live is None else live).items():
        label, routing = model._meta.label_lower, _routing(model, needed)
        for member in with_parents(model):
            table(member).is_followed |= needed.is_followed
            if _shares_key(model, member):
                table(member).own.append(StreamRows(label, _routing_within(member, routing)))
            else:
                table(member).rereads.add(label)
        for relation in _many_to_many(model):
            through: Any = through_model(relation)
            pointers = through_foreign_keys(relation, model)
            for field in pointers:
                if has_one_column(field):
                    table(field.model).links.append(Link(label, column(field), model, routing))
                else:
                    table(field.model).rereads.add(label)
            if not pointers and not is_generic(relation, model):  # generic relations are dependencies
                table(through).rereads.add(label)
    for model, names in untracked_columns().items():
        if model in tables:
            tables[model].untracked = names - set(tables[model].names)
    for watched in list(tables.values()):
        for origin in _database_cascades(watched.model):
            table(origin).cascades |= watched.labels
    return tables


def with_parents(model: type[Model]) -> Iterable[type[Model]]:
    """Return the concrete models whose tables store this model: itself and its multi-table parents."""
    concrete: Any = model._meta.concrete_model or model
    parents = (parent._meta.concrete_model for parent in concrete._meta.all_parents)
    return dict.fromkeys([concrete, *parents])


def _shares_key(model: Any, parent: type[Model]) -> bool:
    # with two parents, the second one has a key of its own
    return model is parent or all(path.join_field.primary_key for path in model._meta.get_path_to_parent(parent))


def _routing_within(member: type[Model], routing: Routing) -> Routing:
    # a change of a parent's row is not routed by values of the child's row
    if routing is None:
        return None
    return {
        name: item for name, item in routing.items() if item.field.model._meta.concrete_model in with_parents(member)
    }


def _routing(model: type[Model], needed: NeededFields) -> Routing:
    alias = database_of(model)
    vendor = connections[alias].vendor if alias else ""
    columns = {name: column(model._meta.get_field(name)) for name in sorted(needed.routing | needed.pointing)}
    if all(_is_routable(columns[name].target, vendor) for name in needed.routing):
        return columns
    return {name: columns[name] for name in sorted(needed.pointing)} or None


def _is_routable(field: Any, vendor: str) -> bool:
    if isinstance(field, models.CharField) and (vendor == "mysql" or field.db_collation):
        return str(field.db_collation).endswith("_bin")  # other collations treat different texts as equal
    return isinstance(field, ROUTABLE) and not isinstance(field, NOT_ROUTABLE)


def has_one_column(field: Any) -> bool:
    """Return whether a foreign key, and each one that it leads to, has one column; a `ForeignObject` may have more."""
    try:
        column(field)
    except FieldError:
        return False
    return True


def _many_to_many(model: type[Model]) -> Iterator[Any]:
    """Yield the many-to-many relations of the model, from either side, that have a known through model."""
    relations: Iterable[Any] = model._meta.get_fields(include_hidden=True)
    for relation in relations:
        if relation.many_to_many and through_model(relation) is not None:
            yield relation


def _database_cascades(model: type[Model]) -> set[type[Model]]:
    """Return the models whose deletions the database itself cascades to this one (Django 6.1: `DB_CASCADE`, ...)."""
    found: set[type[Model]] = set()
    waiting: list[Any] = [model]
    while waiting:
        for field in waiting.pop()._meta.local_fields:
            if field.remote_field and hasattr(field.remote_field.on_delete, "on_delete_sql"):
                origin = field.related_model._meta.concrete_model
                if origin not in found:
                    found.add(origin)
                    waiting.append(origin)
    return found
