"""Decoding errors: what is wrong with data that is not a message, in the words of JSON."""

from __future__ import annotations

import re

from msgspec import DecodeError, ValidationError

_JSON = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_GIVEN = {**_JSON, "float": "a decimal number"}
_LIMITS = {
    ">=": " of at least {}",
    "<=": " of at most {}",
    "of length >=": " with a length of at least {}",
    "of length <=": " with a length of at most {}",
}
_FORMS = {"format": "'data', 'pages', 'html', 'html:' and a template, or 'value:' and the name of a live value"}

# msgspec's errors name Python's types and show regular expressions
_ERROR = re.compile(r"(?P<error>.*?)(?: - at `(?:(?P<key>key) in )?\$(?P<place>.*)`)?", re.DOTALL)
_TYPES = re.compile(r"Expected `(?P<types>[^`]+)`(?: (?P<limit>[^\d,]+?) (?P<number>\d+))?(?:, got `(?P<given>\w+)`)?")
_FIELD = re.compile(r"Object missing required field `(?P<name>\w+)`")
_VALUE = re.compile(r"Invalid value '(?P<value>.*)'", re.DOTALL)
_ITEMS = re.compile(r"(?:\[(?:\d+|\.\.\.)\])+\Z")
_BYTE = re.compile(r"\(byte (\d+)\)")


def explain(error: DecodeError | UnicodeDecodeError) -> str:
    """Return a sentence for the developer of a client: where the error is, and the rule."""
    if isinstance(error, UnicodeDecodeError):
        return "It is not UTF-8."
    if not isinstance(error, ValidationError):
        at = f" (at byte {match[1]})" if (match := _BYTE.search(str(error))) else ""
        return f"It is not complete JSON{at}." if "truncated" in str(error) else f"It is not valid JSON{at}."
    found = _ERROR.fullmatch(str(error))
    text, place = (found["error"], found["place"] or "") if found else ("", "")
    subject = _subject(place)
    if found and found["key"]:
        return f"{subject} has a wrong key."
    if match := _FIELD.fullmatch(text):
        return f"{subject} needs the field {match['name']!r}."
    if match := _VALUE.fullmatch(text):
        return f"{subject} has an unknown value {match['value']!r}."
    if match := _TYPES.fullmatch(text):
        given = f", not {_GIVEN[match['given']]}" if match["given"] in _GIVEN else ""
        return f"{subject} must be {_rule(match)}{given}."
    if (name := place.removeprefix(".")) in _FORMS:
        return f"{subject} must be {_FORMS[name]}."
    return f"{subject} has a wrong value."


def _subject(place: str) -> str:
    """Return what msgspec calls "", ".id", ".params[...]" or "[3].type"."""
    name = _ITEMS.sub("", place)
    within = "" if name == place else "A value in "
    if not name:
        return f"{within}it" if within else "It"
    return f"{within or 'The field '}{name.removeprefix('.')!r}"


def _rule(match: re.Match[str]) -> str:
    types = [_JSON[each] for each in match["types"].split(" | ") if each in _JSON] or ["of another type"]
    limit = _LIMITS.get(match["limit"] or "", "").format(match["number"])
    return (", ".join(types[:-1]) + " or " if types[1:] else "") + types[-1] + limit
