"""What clients write: forms, JSON, booleans in every spelling, preferences (RFC 7240)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from bonafide.errors import InvalidRequest, Unprocessable, UnsupportedMedia

__all__ = ["Form", "Part", "Prefer", "loads", "read_form", "truth", "words"]

MAX_PARTS = 64
_TRUE = frozenset(("true", "1", "yes", "y", "on", "t"))
_FALSE = frozenset(("false", "0", "no", "n", "off", "f", ""))


@dataclass(frozen=True)
class Part:
    """One part of a form. ``filename`` is the bare name, without folders and control characters."""

    name: str
    data: bytes = field(repr=False)
    filename: str | None = None
    content_type: str | None = None

    @property
    def text(self) -> str:
        """The part as text. Raises `InvalidRequest` if it is not UTF-8."""
        try:
            return self.data.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"The part {self.name!r} is not UTF-8 text.", code="invalid_form") from error


@dataclass(frozen=True)
class Form:
    """The parts of a form, in their order; a name may repeat."""

    parts: tuple[Part, ...]

    def all(self, *names: str) -> tuple[Part, ...]:
        """Return every part with one of these names."""
        return tuple(part for part in self.parts if part.name in names)

    def first(self, *names: str) -> Part | None:
        """Return the first part with one of these names."""
        return next(iter(self.all(*names)), None)

    def text(self, name: str) -> str | None:
        """Return the first such part as text."""
        part = self.first(name)
        return part.text if part else None


@dataclass(frozen=True)
class Prefer:
    """What the client prefers (RFC 7240). ``wait_s`` is infinite for the bare ``wait`` of some clients."""

    wait_s: float | None = None
    respond_async: bool = False

    @classmethod
    def parse(cls, header: str) -> Prefer:
        """Read a Prefer header; what is not understood is ignored, and the first of a kind counts."""
        found: dict[str, str] = {}
        for preference in header.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
        wait = found.get("wait")
        if wait is None or not re.fullmatch(r"[0-9]{0,9}", wait):
            return cls(None, "respond-async" in found)
        return cls(float(wait) if wait else math.inf, "respond-async" in found)


def read_form(content_type: str, body: bytes) -> Form:
    """Return the parts of a multipart or urlencoded body. Raises `UnsupportedMedia`, `InvalidRequest`."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _multipart(content_type, body)
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMedia("Send multipart/form-data.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise InvalidRequest("The form cannot be read.", code="invalid_form") from error
    return Form(tuple(Part(name, value.encode(errors="replace")) for name, value in pairs))


def _multipart(content_type: str, body: bytes) -> Form:
    import multipart  # type: ignore[import-untyped]  # here, because few requests need it

    boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise InvalidRequest("The multipart boundary is missing.", code="invalid_form")
    parts: list[Part] = []
    data = bytearray()
    try:
        parser = multipart.PushMultipartParser(
            boundary, content_length=len(body), max_segment_count=MAX_PARTS
        )
        head: Any = None
        with parser:
            for event in parser.parse(body):
                if event is None:
                    parts.append(Part(head.name, bytes(data), _basename(head.filename), head.content_type))
                    data.clear()
                elif isinstance(event, bytearray):
                    data += event
                else:
                    head = event
    except (multipart.MultipartError, UnicodeError) as error:
        raise InvalidRequest("The multipart body is broken.", code="invalid_form") from error
    return Form(tuple(parts))


def _basename(name: str | None) -> str | None:
    bare = "".join(c for c in re.split(r"[/\\]", name or "")[-1] if c.isprintable())
    return bare.strip()[:255] or None


def loads(text: str) -> Any:
    """Read JSON as the standard says: no NaN, no Infinity. Raises `InvalidRequest` (``invalid_json``)."""
    try:
        return json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        where = (
            f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise InvalidRequest(f"This is not valid JSON{where}.", code="invalid_json") from error


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_json(text)


def truth(value: object) -> bool:
    """Read a boolean in any spelling a form may use. Raises `Unprocessable` for anything else."""
    text = str(value).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise Unprocessable("Write true or false.", code="invalid_boolean")


def words(values: Iterable[str]) -> list[str]:
    """Return the words of a list however it is written: repeated, with commas, both; blanks are nothing."""
    return [word.strip() for value in values for word in value.split(",") if word.strip()]
