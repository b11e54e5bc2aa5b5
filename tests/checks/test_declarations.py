"""Names in a stream that do nothing, because they are misspelt, or that hide something."""

from __future__ import annotations

import pytest

from demo_project.board.admin import TaskAdmin
from realtime import action, event, live_value
from realtime.checks.declarations import HOOKS, check_admin_names, check_names, option_names
from realtime.streams.stream import ModelStream


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("allow_anon", "allow_anonymous"),
        ("allow_anonymus", "allow_anonymous"),
        ("authorise", "authorize"),
        ("authorise_form", "authorize_form"),
        ("audiance", "audience"),
        ("depend_on", "depends_on"),
        ("dependsOn", "depends_on"),
        ("field", "fields"),
        ("form", "form_class"),
        ("get_query_set", "get_queryset"),
        ("localise", "localize"),
        ("partition", "partition_by"),
        ("queryset", "get_queryset"),
        ("serializer", "serializer_class"),
        ("template", "template_name"),
    ],
)
def test_misspelt_option_or_hook(declared, name, meant):
    assert declared(check_names, **{name: True}) == [
        (
            "realtime.W064",
            f"Made.{name} is not an option or hook of a stream, so it has no effect.",
            f"Did you mean {meant!r}? If the name is intended, start it with an underscore.",
        )
    ]


def test_misspelt_name_of_a_base_class(declared):
    class Base:
        authorise = True

    [(_, message, _)] = declared(check_names, Base)
    assert message == "Made.authorise is not an option or hook of a stream, so it has no effect."


def test_names_of_ones_own_are_left_alone(declared):
    own = {"_authorise": True, "title_of": None, "TASKS": 3, "publish": lambda self: None}
    assert declared(check_names, **own, form=action(lambda self, user: None)) == []


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("action", action(lambda self, user: None)),
        ("event", event(lambda self, user: None)),
        ("live value", live_value(lambda self: 1)),
    ],
)
def test_method_for_clients_that_hides_another(declared, kind, method):
    assert declared(check_names, database=method) == [
        (
            "realtime.E063",
            f"The {kind} Made.database overrides a method of ModelStream.",
            "Give it another name.",
        )
    ]


def test_live_value_may_have_the_name_of_one_of_presence(declared):
    assert declared(check_names, count=live_value(lambda self: 1), shown=action(lambda self, user: None)) == []


def test_each_hook_is_one():
    assert [name for name in HOOKS if not callable(getattr(ModelStream, name, None))] == []
    assert {"fields", "model", "refresh_every", "authorize"} <= set(option_names())


def test_misspelt_option_of_a_live_admin(monkeypatch):
    monkeypatch.setattr(TaskAdmin, "live_depend_on", [], raising=False)
    [warning] = check_admin_names(None)
    assert (warning.id, warning.msg, warning.hint) == (
        "realtime.W064",
        "TaskAdmin.live_depend_on is not an option of LiveModelAdmin. It has no effect.",
        "Did you mean 'live_depends_on'? If the name is intended, start it with an underscore.",
    )
