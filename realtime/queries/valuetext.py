"""Value text: a live value as text in the page, the same as `browser/src/valuetext.js` makes of the same JSON."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from realtime.protocol.codec import encode_value

EXACT = 2**53  # JavaScript has no integers beyond it
_INDEX = re.compile("0|[1-9][0-9]{0,9}")
MAX_INDEX = 2**32 - 2


def value_text(value: Any) -> str:
    """Return the text of a JSON value: a string as it is, null as no text, any other value as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return _json(value)


def _json(value: Any) -> str:
    if isinstance(value, dict):
        members = sorted(value.items(), key=_place)
        return f"{{{','.join(f'{encode_value(key).decode()}:{_json(item)}' for key, item in members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, float) or (type(value) is int and abs(value) > EXACT):
        return _number(value)
    return encode_value(value).decode()


def _place(member: tuple[str, Any]) -> tuple[bool, int]:
    # JavaScript objects have keys that look like indexes first, the others in insertion order
    name = member[0]
    is_index = bool(_INDEX.fullmatch(name)) and int(name) <= MAX_INDEX
    return not is_index, int(name) if is_index else 0


def _number(value: float) -> str:
    """See "Number::toString" in ECMA-262: the digits are Python's, in another notation."""
    try:
        number = Decimal(repr(float(value))).normalize()
    except OverflowError:
        return "null"
    if not number:
        return "0"
    sign, digits, exponent = number.as_tuple()
    point = len(digits) + int(exponent)  # the position of the decimal point
    if -6 < point <= 21:
        return format(number, "f")
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    return f"{'-' * sign}{first}{'.' * bool(rest)}{rest}e{point - 1:+d}"
