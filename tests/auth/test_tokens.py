"""Page tokens: signed by the server, for one user, and for a limited time."""

from __future__ import annotations

import pytest
from django.core import signing

from realtime.auth import tokens
from realtime.auth.tokens import Token
from realtime.exceptions import TokenExpired, TokenInvalid

DAY = 86400.0


def sign(**changes):
    fields = {"stream": "books", "params": {"shelf": 7}, "format": "html", "user": "3"}
    return tokens.sign(**fields | changes)


def read(text, *, user="3", max_age=DAY):
    return tokens.read(text, user=user, max_age=max_age)


def refusal(text, **options):
    with pytest.raises((TokenInvalid, TokenExpired)) as refused:
        read(text, **options)
    return refused.value.code, refused.value.reason


NOT_OURS = (4211, "The token of this subscription was not issued by this server. Reload the page.")
NOT_YOURS = (4211, "This page belongs to another user. Reload it.")
TOO_OLD = (4100, "This page has expired. Reload it.")


def test_token_is_read_as_signed():
    assert read(sign()) == Token("books", {"shelf": 7}, "html", "3")


def test_visitors_token_is_for_visitors():
    assert read(sign(user=None), user=None).user is None
    assert refusal(sign(user=None)) == NOT_YOURS


@pytest.mark.parametrize("user", [None, "4", "33", ""])
def test_token_of_another_user_is_refused(user):
    assert refusal(sign(), user=user) == NOT_YOURS


@pytest.mark.parametrize(
    "forge",
    [
        lambda text: "",
        lambda text: "x",
        lambda text: ":::",
        lambda text: "." + text,
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.upper(),
        lambda text: "\u20ac" * 50,
        lambda text: "A" * 60_000,
        lambda text: signing.dumps(["books", {"shelf": 7}, "html", "3"]),  # with another salt
        lambda text: signing.dumps({"stream": "books"}, salt=tokens.SALT),
        lambda text: signing.dumps(["books", {"shelf": 7}], salt=tokens.SALT),
        lambda text: signing.dumps("books", salt=tokens.SALT),
    ],
)
def test_forged_token_is_refused(forge):
    assert refusal(forge(sign())) == NOT_OURS


def test_any_changed_character_is_detected():
    text = sign()
    for place in range(len(text) - 1):  # the last one has unused bits
        other = "A" if text[place] != "A" else "B"
        assert refusal(text[:place] + other + text[place + 1 :])[0] == 4211


def test_old_token_has_expired():
    assert refusal(sign(), max_age=-1) == TOO_OLD


def test_expired_token_of_another_user_has_the_same_error():
    assert refusal(sign(), user="4", max_age=-1) == TOO_OLD


def test_fallback_key_is_accepted(settings):
    settings.SECRET_KEY = "old"
    text = sign()
    settings.SECRET_KEY = "new"
    assert refusal(text) == NOT_OURS
    settings.SECRET_KEY_FALLBACKS = ["old"]
    assert read(text).stream == "books"


def test_token_reveals_only_its_contents():
    assert signing.loads(sign(), salt=tokens.SALT) == ["books", {"shelf": 7}, "html", "3"]
