"""What a page's content stream paints, in its order: text, opaque fills, pictures, where and how.

A small interpreter of the operators that decide whether text can be seen. Glyphs are not drawn: a text's
box is estimated from its size and number of codes, so every answer is about where it lies, not its words.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pikepdf
from bonafide_inference.detectors.pdf_structure.streams import unpacked

__all__ = ["Box", "Mark", "Painting", "paint"]

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points of the page."""
Matrix = tuple[float, float, float, float, float, float]

MAX_STREAM = 2 * 2**20
"""Unpacked bytes of one content stream that are read."""
MAX_OPERATORS = 150_000
"""Operators of one page, its forms included."""
MAX_MARKS = 6_000
MAX_FORMS = 8
IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)


@dataclass(frozen=True)
class Mark:
    """One thing painted. ``kind``: ``text``, ``fill`` or ``picture``; ``codes``: character codes of a text.

    ``white``: painted in plain white; ``opaque``: hides what is under it; ``mode``: text render mode.
    """

    kind: str
    box: Box
    order: int
    codes: int = 0
    mode: int = 0
    white: bool = False
    alpha: float = 1.0
    opaque: bool = True
    size: float = 0.0


@dataclass
class Painting:
    """The marks of a page in painting order, and whether something was left out (``cut``)."""

    marks: list[Mark] = field(default_factory=list)
    operators: int = 0
    cut: bool = False
    fonts: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _State:
    """The part of the graphics state that matters here."""

    ctm: Matrix = IDENTITY
    white: bool = False
    alpha: float = 1.0
    mode: int = 0
    size: float = 0.0
    leading: float = 0.0
    scale: float = 1.0
    normal: bool = True
    family: str = "light"
    clip: Box | None = None
    odd_clip: bool = False


def paint(page: Any, until: float) -> Painting:
    """Interpret a page (a `pikepdf.Page`), no further than ``until`` (`time.monotonic`).

    Raises what qpdf raises, and `streams.TooLong`.
    """
    painting = Painting()
    resources = page.obj.get("/Resources") or _inherited(page.obj)
    _Painter(painting, until).run(page.obj.get("/Contents"), resources, _State(), 0)
    return painting


def _inherited(page: Any) -> Any:
    node = page.get("/Parent")
    for _ in range(50):
        if not isinstance(node, pikepdf.Dictionary):
            break
        if "/Resources" in node:
            return node["/Resources"]
        node = node.get("/Parent")
    return pikepdf.Dictionary()


def _times(a: Matrix, b: Matrix) -> Matrix:
    return (
        a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4], a[4] * b[1] + a[5] * b[3] + b[5],
    )  # fmt: skip


def _box(matrix: Matrix, left: float, bottom: float, right: float, top: float) -> Box:
    xs, ys = [], []
    for x, y in ((left, bottom), (left, top), (right, bottom), (right, top)):
        xs.append(matrix[0] * x + matrix[2] * y + matrix[4])
        ys.append(matrix[1] * x + matrix[3] * y + matrix[5])
    return min(xs), min(ys), max(xs), max(ys)


def _numbers(operands: Sequence[Any]) -> list[float]:
    return [float(value) for value in operands if not isinstance(value, (pikepdf.Name, pikepdf.String))]


class _Painter:
    """Walks one page; forms recurse with the state they are called in."""

    def __init__(self, painting: Painting, until: float) -> None:
        self.out = painting
        self.until = until
        self.owner = pikepdf.new()  # what is parsed lives only as long as its document
        self.state = _State()
        self.stack: list[_State] = []
        self.text = self.line = IDENTITY
        self.path: list[tuple[float, float]] = []
        self.rectangles = 0
        self.segments = 0
        self.resources: Any = pikepdf.Dictionary()
        self.depth = 0

    def run(self, contents: Any, resources: Any, state: _State, depth: int) -> None:
        """Interpret one content stream with its resources."""
        if self.late():
            return
        data = unpacked(contents, MAX_STREAM)
        saved = (self.state, self.stack, self.resources, self.depth, self.text, self.line)
        self.state, self.stack, self.resources, self.depth = state, [], resources, depth
        holder = pikepdf.Stream(self.owner, data)
        for instruction in pikepdf.parse_content_stream(holder):
            self.out.operators += 1
            if self.late():
                break
            handler = _HANDLERS.get(str(instruction.operator))
            if handler is not None:
                try:
                    handler(self, list(instruction.operands))
                except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError):
                    continue  # an operator with the wrong operands paints nothing
        self.state, self.stack, self.resources, self.depth, self.text, self.line = saved

    def late(self) -> bool:
        """Whether any bound is reached: the page is then looked at no further."""
        out = self.out
        if (
            out.operators > MAX_OPERATORS
            or len(out.marks) >= MAX_MARKS
            or (out.operators % 256 == 0 and time.monotonic() > self.until)
        ):
            out.cut = True
        return out.cut

    # ---- graphics state ---------------------------------------------------------------------------
    def push(self, _operands: list[Any]) -> None:
        if len(self.stack) < 512:
            self.stack.append(self.state)

    def pop(self, _operands: list[Any]) -> None:
        if self.stack:
            self.state = self.stack.pop()

    def concat(self, operands: list[Any]) -> None:
        a, b, c, d, e, f = _numbers(operands)
        self.state = replace(self.state, ctm=_times((a, b, c, d, e, f), self.state.ctm))

    def extended(self, operands: list[Any]) -> None:
        table = self.resources["/ExtGState"][str(operands[0])]
        if "/ca" in table:
            self.state = replace(self.state, alpha=float(table["/ca"]))
        if "/BM" in table:
            self.state = replace(self.state, normal=str(table["/BM"]) in ("/Normal", "/Compatible"))
        if "/SMask" in table:
            self.state = replace(self.state, normal=str(table["/SMask"]) == "/None")

    def grey(self, operands: list[Any]) -> None:
        self.state = replace(self.state, white=min(_numbers(operands)) >= 0.98)

    def inks(self, operands: list[Any]) -> None:
        self.state = replace(self.state, white=max(_numbers(operands)) <= 0.02)

    def colour(self, operands: list[Any]) -> None:
        """White is all light, or no ink; of any other kind of colour space it is not said."""
        values = _numbers(operands)
        white = {"light": min(values, default=0) >= 0.98, "ink": max(values, default=1) <= 0.02}
        self.state = replace(self.state, white=white.get(self.state.family, False))

    def space(self, operands: list[Any]) -> None:
        name = str(operands[0])
        spaces = self.resources.get("/ColorSpace", {})
        self.state = replace(self.state, white=False, family=_family(spaces.get(name, name)))

    # ---- paths ------------------------------------------------------------------------------------
    def rectangle(self, operands: list[Any]) -> None:
        x, y, width, height = _numbers(operands)
        self.path += [(x, y), (x + width, y + height)]
        self.rectangles += 1

    def segment(self, operands: list[Any]) -> None:
        values = _numbers(operands)
        self.path.append((values[-2], values[-1]))
        self.segments += 1

    def fill(self, _operands: list[Any]) -> None:
        """One rectangle hides what is under it; any other shape may have holes, and is not called opaque."""
        if self.path:
            xs, ys = [x for x, _ in self.path], [y for _, y in self.path]
            box = _box(self.state.ctm, min(xs), min(ys), max(xs), max(ys))
            self.mark("fill", box, opaque=self.one_rectangle())
        self.drop([])

    def drop(self, _operands: list[Any]) -> None:
        self.path, self.rectangles, self.segments = [], 0, 0

    def clip(self, _operands: list[Any]) -> None:
        """A rectangle narrows the clip; under any other shape nothing is called hidden by what is painted."""
        if self.path:
            xs, ys = [x for x, _ in self.path], [y for _, y in self.path]
            box = _box(self.state.ctm, min(xs), min(ys), max(xs), max(ys))
            odd = self.state.odd_clip or not self.one_rectangle()
            self.state = replace(self.state, clip=_narrow(box, self.state.clip), odd_clip=odd)

    def one_rectangle(self) -> bool:
        if self.segments:
            return not self.rectangles and 4 <= self.segments <= 5 and _square(self.path)
        return self.rectangles == 1

    # ---- text -------------------------------------------------------------------------------------
    def begin(self, _operands: list[Any]) -> None:
        self.text = self.line = IDENTITY

    def font(self, operands: list[Any]) -> None:
        self.out.fonts.add(str(operands[0])[:80])
        self.state = replace(self.state, size=float(operands[1]))

    def mode(self, operands: list[Any]) -> None:
        self.state = replace(self.state, mode=int(operands[0]))

    def leading(self, operands: list[Any]) -> None:
        self.state = replace(self.state, leading=float(operands[0]))

    def stretch(self, operands: list[Any]) -> None:
        self.state = replace(self.state, scale=float(operands[0]) / 100)

    def place(self, operands: list[Any]) -> None:
        a, b, c, d, e, f = _numbers(operands)
        self.text = self.line = (a, b, c, d, e, f)

    def move(self, operands: list[Any]) -> None:
        x, y = _numbers(operands)
        self.text = self.line = _times((1, 0, 0, 1, x, y), self.line)

    def move_leading(self, operands: list[Any]) -> None:
        self.leading([-float(operands[1])])
        self.move(operands)

    def newline(self, _operands: list[Any]) -> None:
        self.move([0, -self.state.leading])

    def show(self, operands: list[Any]) -> None:
        codes, inked, shift = 0, 0, 0.0
        items = list(operands[0]) if isinstance(operands[0], pikepdf.Array) else [operands[-1]]
        for item in items:
            if isinstance(item, pikepdf.String):
                raw = bytes(item)
                codes += len(raw)
                inked += len(raw.strip(b" \0\xa0"))
            else:
                shift -= float(item) / 1000
        size, state = abs(self.state.size), self.state
        width = max(0.0, codes * 0.5 + shift) * size * state.scale
        matrix = _times(self.text, state.ctm)
        box = _box(matrix, 0, -0.1 * size, width, 0.7 * size)
        height = size * (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5
        self.text = _times((1, 0, 0, 1, width, 0), self.text)
        if inked:
            self.mark("text", box, codes=inked, size=height)

    def next_show(self, operands: list[Any]) -> None:
        self.newline([])
        self.show(operands)

    # ---- objects ----------------------------------------------------------------------------------
    def draw(self, operands: list[Any]) -> None:
        item = self.resources["/XObject"][str(operands[0])]
        if str(item.get("/Subtype")) == "/Image":
            veiled = any(key in item for key in ("/SMask", "/Mask")) or bool(item.get("/ImageMask", False))
            self.mark("picture", _box(self.state.ctm, 0, 0, 1, 1), opaque=not veiled)
        elif self.depth < MAX_FORMS:
            own = [float(value) for value in item.get("/Matrix", [1, 0, 0, 1, 0, 0])]
            matrix = _times((own[0], own[1], own[2], own[3], own[4], own[5]), self.state.ctm)
            edges = [float(value) for value in item["/BBox"]]
            clip = _narrow(_box(matrix, *edges), self.state.clip)
            inner = replace(self.state, ctm=matrix, clip=clip)
            self.run(item, item.get("/Resources", self.resources), inner, self.depth + 1)

    def inline(self, _operands: list[Any]) -> None:
        self.mark("picture", _box(self.state.ctm, 0, 0, 1, 1), opaque=False)

    def mark(self, kind: str, box: Box, *, codes: int = 0, size: float = 0.0, opaque: bool = True) -> None:
        """Note one painted thing, cut to the clip (texts keep their box: they are not cut but gone)."""
        state = self.state
        hides = opaque and state.alpha > 0.98 and state.normal and not state.odd_clip
        if kind != "text":
            box = _narrow(box, state.clip)
        self.out.marks.append(Mark(
            kind, box, len(self.out.marks), codes, state.mode, state.white, state.alpha, hides, size,
        ))  # fmt: skip


def _narrow(box: Box, clip: Box | None) -> Box:
    if clip is None:
        return box
    left, bottom = max(box[0], clip[0]), max(box[1], clip[1])
    return left, bottom, max(left, min(box[2], clip[2])), max(bottom, min(box[3], clip[3]))


def _family(space: Any) -> str:
    """``light`` (1 is white), ``ink`` (0 is white) or ``other``."""
    name = str(space[0]) if isinstance(space, pikepdf.Array) and len(space) else str(space)
    if name == "/ICCBased":
        parts = int(space[1].get("/N", 0))
        return "ink" if parts == 4 else "light"
    light = ("/DeviceGray", "/DeviceRGB", "/CalGray", "/CalRGB", "/G", "/RGB")
    return "light" if name in light else "ink" if name in ("/DeviceCMYK", "/CMYK") else "other"


def _square(path: list[tuple[float, float]]) -> bool:
    """Whether every point is a corner of the path's own box."""
    xs, ys = sorted(x for x, _ in path), sorted(y for _, y in path)
    return all(min(x - xs[0], xs[-1] - x) < 0.01 and min(y - ys[0], ys[-1] - y) < 0.01 for x, y in path)


_P = _Painter
_HANDLERS: dict[str, Any] = {
    "q": _P.push, "Q": _P.pop, "cm": _P.concat, "gs": _P.extended, "g": _P.grey, "rg": _P.grey,
    "k": _P.inks, "sc": _P.colour, "scn": _P.colour, "cs": _P.space, "re": _P.rectangle, "m": _P.segment,
    "l": _P.segment, "c": _P.segment, "v": _P.segment, "y": _P.segment, "f": _P.fill, "F": _P.fill,
    "f*": _P.fill, "B": _P.fill, "B*": _P.fill, "b": _P.fill, "b*": _P.fill, "S": _P.drop, "s": _P.drop,
    "n": _P.drop, "W": _P.clip, "W*": _P.clip, "BT": _P.begin, "Tf": _P.font, "Tr": _P.mode,
    "TL": _P.leading, "Tz": _P.stretch, "Tm": _P.place, "Td": _P.move, "TD": _P.move_leading,
    "T*": _P.newline, "Tj": _P.show, "TJ": _P.show, "'": _P.next_show, '"': _P.next_show,
    "Do": _P.draw, "INLINE IMAGE": _P.inline,
}  # fmt: skip
