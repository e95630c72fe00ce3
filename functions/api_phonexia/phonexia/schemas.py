"""What clients send: the query, the form and its ``config`` (PHX-1, PHX-11 … PHX-20)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bonafide.errors import Unprocessable
from bonafide.http import MAX_JSON_BYTES, Form, loads, truth, words
from bonafide.model import Options
from pydantic import JsonValue

from phonexia.words import OPERATIONS, Asked

__all__ = ["SPELLINGS", "Wish", "fault", "names", "read_config", "read_query"]

SPELLINGS = {
    "channel_mode": ("channel_mode",),
    "channels": ("channels",),
    "from_time": ("from_time", "start", "start_time", "from"),
    "to_time": ("to_time", "end", "end_time", "to"),
    "operations": ("operations", "operation", "operations[]", "requested_operations"),
    "raw_segmentation": ("raw_segmentation",),
}
"""The published name of each query parameter, and what else is taken for it (PHX-15, PHX-16)."""

MAX_CHANNELS = 64
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?")
Query = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Wish:
    """What the query asks for."""

    asked: tuple[Asked, ...]
    options: Options
    raw: bool
    ignored: tuple[str, ...]

    @property
    def echo(self) -> dict[str, JsonValue]:
        """What the answer must remember of it."""
        return {"operations": [one.value for one in self.asked], "raw_segmentation": self.raw}


def fault(location: Sequence[str | int], message: str, kind: str) -> Unprocessable:
    """Return the error of one bad value; its place and kind become an entry of ``detail`` (PHX-39)."""
    entry = {"location": list(location), "message": message, "type": kind, "context": {}}
    return Unprocessable(message, code="invalid_value", errors=[entry])


def read_query(query: Query) -> Wish:
    """Read the query parameters. Raises `Unprocessable` that points to the parameter as it was written."""
    mode = _one(query, "channel_mode") or "split"
    if mode not in ("split", "mix"):
        raise _bad(query, "channel_mode", "Input should be 'split' or 'mix'.", "enum")
    start, end = _seconds(query, "from_time"), _seconds(query, "to_time")
    if end is not None and end <= (start or 0.0):
        raise _bad(query, "to_time", "The end must lie after the start.", "value_error")
    options = Options(start_s=start or None, end_s=end, channels=_channels(query), mix_channels=mode == "mix")
    known = {name for names in SPELLINGS.values() for name in names}
    return Wish(_operations(query), options, _raw(query), tuple(name for name in query if name not in known))


def read_config(form: Form) -> tuple[str, ...]:
    """Return the keys of ``config``, all of which are ignored (PHX-19, PHX-20: no key of it is documented).

    Raises `InvalidRequest` for what is no JSON, `Unprocessable` for JSON that is no object.
    """
    part = form.first("config")
    if part is None or not part.data.strip():
        return ()
    if len(part.data) > MAX_JSON_BYTES:
        raise fault(("body", "config"), f"At most {MAX_JSON_BYTES} bytes.", "too_long")
    value = loads(part.text)
    if not isinstance(value, dict):
        raise fault(("body", "config"), "Input should be an object.", "dict_type")
    return tuple(value)


def _values(query: Query, name: str) -> list[str]:
    return [value for spelling in SPELLINGS[name] for value in query.get(spelling, ())]


def _bad(query: Query, name: str, message: str, kind: str) -> Unprocessable:
    written = next((spelling for spelling in SPELLINGS[name] if spelling in query), name)
    return fault(("query", written), message, kind)


def _one(query: Query, name: str) -> str | None:
    values = set(_values(query, name))
    if len(values) > 1:
        raise _bad(query, name, "Given twice, with different values.", "value_error")
    return next(iter(values), None)


def _seconds(query: Query, name: str) -> float | None:
    text = (_one(query, name) or "").strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise _bad(query, name, "Input should be a number of seconds.", "float_parsing")
    value = float(text)
    if value < 0 or not math.isfinite(value):
        raise _bad(query, name, "Input should be greater than or equal to 0.", "greater_than_equal")
    return abs(value)


def _channels(query: Query) -> tuple[int, ...] | None:
    found = words(_values(query, "channels"))
    if not all(re.fullmatch("[0-9]{1,4}", word) for word in found):
        message = "Input should be non-negative integers separated by commas, such as 0,1."
        raise _bad(query, "channels", message, "int_parsing")
    if len(set(found)) > MAX_CHANNELS:
        raise _bad(query, "channels", f"At most {MAX_CHANNELS} channels.", "too_long")
    return tuple(sorted({int(word) for word in found})) or None


def _operations(query: Query) -> tuple[Asked, ...]:
    if not any(name in query for name in SPELLINGS["operations"]):
        return tuple(Asked)
    found = words(_values(query, "operations"))
    if not found or not set(found) <= set(Asked):
        one = "At least one operation" if not found else "Every operation"
        message = f"{one} of {', '.join(OPERATIONS)} is wanted."
        raise _bad(query, "operations", message, "enum" if found else "too_short")
    return tuple(one for one in Asked if one in found)


def _raw(query: Query) -> bool:
    try:
        return truth(_one(query, "raw_segmentation") or "false")
    except Unprocessable as error:
        raise _bad(query, "raw_segmentation", "Input should be a boolean.", "bool_parsing") from error


def names(keys: Iterable[str]) -> str:
    """Return the keys that a header can carry, for a warning; strange ones only as ``?``."""
    shown = [re.sub(r"[^A-Za-z0-9_.-]", "?", key)[:40] for key in keys]
    return ", ".join(shown[:10]) + (", ..." if len(shown) > 10 else "")
