"""Settings: read when they are needed, and judged at start."""

from __future__ import annotations

import pytest

from realtime.conf import Settings, limit_names, limits, names, problems, settings


def found() -> list[str]:
    return [str(problem) for problem in problems()]


def test_defaults_are_right():
    assert found() == []


def test_settings_are_those_of_django_with_a_prefix():
    assert "REALTIME_HEARTBEAT_SECONDS" in names()
    assert all(name.startswith("REALTIME_") for name in names())


def test_value_is_read_anew_each_time(settings):
    own = Settings()
    assert own.HEARTBEAT_SECONDS == 25.0
    settings.REALTIME_HEARTBEAT_SECONDS = 5
    assert own.HEARTBEAT_SECONDS == 5


@pytest.mark.parametrize("value", [0, -1, 1.5, "5", None, True, float("nan")])
def test_wrong_limit_is_a_problem(settings, value):
    settings.REALTIME_LIMITS = {"window_frames": value}
    message = f'The setting REALTIME_LIMITS["window_frames"] is {value!r}, which is not a positive int.'
    assert found() == [f"{message} The default is 256."]


def test_limit_that_is_not_named_has_its_default(settings):
    settings.REALTIME_LIMITS = {"window_frames": 1}
    assert (limits.window_frames, limits.subscriptions) == (1, 100)


def test_list_stands_for_a_tuple(settings):
    settings.REALTIME_ALLOWED_ORIGINS = ["https://a.example"]
    assert Settings().ALLOWED_ORIGINS == ("https://a.example",)
    assert found() == []


def test_name_that_does_not_exist_lists_those_that_do():
    with pytest.raises(AttributeError):
        _ = settings.NO_SUCH_SETTING


def test_unknown_setting_is_a_problem(settings):
    settings.REALTIME_BEAT = 5
    assert found() == [f"The setting REALTIME_BEAT does not exist. Settings: {', '.join(sorted(names()))}."]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HEARTBEAT_SECONDS", 0, "is 0, which is not a positive float. The default is 25.0."),
        ("HEARTBEAT_SECONDS", -1, "is -1, which is not a positive float. The default is 25.0."),
        ("HEARTBEAT_SECONDS", "5", "is '5', which is not a positive float. The default is 25.0."),
        ("HEARTBEAT_SECONDS", None, "is None, which is not a positive float. The default is 25.0."),
        ("HEARTBEAT_SECONDS", True, "is True, which is not a positive float. The default is 25.0."),
        ("HEARTBEAT_SECONDS", float("nan"), "is nan, which is not a positive float. The default is 25.0."),
        ("LIMITS", [], "is [], which is not a dictionary of numbers. The default is {}."),
        ("LIMITS", {"frames": 1}, f"has no limit 'frames'. Limits: {', '.join(limit_names())}."),
        ("ALLOWED_ORIGINS", "https://a", "is 'https://a', which is not a list of strings. The default is ()."),
        ("ALLOWED_ORIGINS", [1], "is (1,), which is not a list of strings. The default is ()."),
        ("LISTEN_DSN", "host=db", "is 'host=db', which is not a dictionary of strings. The default is {}."),
        ("LISTEN_DSN", {"default": 5}, "is {'default': 5}, which is not a dictionary of strings. The default is {}."),
    ],
)
def test_wrong_value_is_a_problem(settings, name, value, message):
    setattr(settings, f"REALTIME_{name}", value)
    assert found() == [f"The setting REALTIME_{name} {message}"]


@pytest.mark.parametrize(
    ("name", "value"), [("HEARTBEAT_SECONDS", 5), ("LIMITS", {"window_frames": 1}), ("LISTEN_DSN", {"a": "b"})]
)
def test_right_value_is_none(settings, name, value):
    setattr(settings, f"REALTIME_{name}", value)
    assert found() == []


@pytest.mark.parametrize("path", ["nowhere.at.all", "tests.settings.SECRET_KEY", 5])
def test_function_that_knows_tokens_has_to_be_there(settings, path):
    settings.REALTIME_AUTHENTICATE = path
    message = f"The setting REALTIME_AUTHENTICATE is {path!r}, which is not the dotted path of a function."
    assert found() == [f"{message} The default is ''."]


def test_number_of_proxies_may_be_none_and_not_less(settings):
    settings.REALTIME_TRUSTED_PROXIES = 0
    assert found() == []
    settings.REALTIME_TRUSTED_PROXIES = -1
    assert found() == [
        "The setting REALTIME_TRUSTED_PROXIES is -1, which is not 0 or a positive int. The default is 0."
    ]
