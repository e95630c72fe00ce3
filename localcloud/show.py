"""What people see: progress while an analysis runs, and the verdict when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Progress", "Shown", "Timing", "plain_size", "summary_row", "table", "verdict_text"]

Document = Mapping[str, Any]

_STAGES = {
    "queued": "queued",
    "fetching": "fetching the media",
    "inspecting": "looking at what the file is",
    "detecting": "running the detectors",
    "fusing": "weighing the findings",
    "done": "done",
}
_WORDS = {
    "genuine": "GENUINE",
    "manipulated": "MANIPULATED",
    "inconclusive": "INCONCLUSIVE",
    "not_applicable": "NOT APPLICABLE",
}
_COLOURS = {"genuine": "32", "manipulated": "31", "inconclusive": "33", "failed": "31"}
_SHOWN_FLAGS = 4
_SHOWN_PIECES = 3


@dataclass(frozen=True)
class Timing:
    """Seconds on the client's clock: sending the file, waiting for the verdict, fetching artifacts."""

    send: float = 0.0
    wait: float = 0.0
    fetch: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.send + self.wait + self.fetch


@dataclass(frozen=True)
class Shown:
    """One finished analysis as the command shows it."""

    name: str
    document: Document
    timing: Timing = Timing()
    folder: Path | None = None
    files: Sequence[Path] = field(default_factory=tuple)


# ---- progress -----------------------------------------------------------------------------------
class Progress:
    """Stages and a bar: one line that updates on a terminal, a line a step elsewhere."""

    def __init__(self, name: str, stream: TextIO | None = None, *, width: int = 24) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._name = name
        self._width = width
        self._begun = time.monotonic()
        self._last = ""
        self._open = False

    def update(self, document: Document) -> None:
        """Show where the analysis is."""
        self.say(step_text(document, self._width, coarse=not self._terminal))

    def say(self, text: str) -> None:
        """Show one step; the same step twice is shown once, but on a terminal its clock goes on."""
        if self._terminal:
            seconds = time.monotonic() - self._begun
            self._stream.write(f"\r\x1b[K{self._name}: {text}  {seconds:.1f} s")
            self._open = True
        elif text != self._last:
            self._stream.write(f"{self._name}: {text}\n")
        self._last = text
        self._stream.flush()

    def close(self) -> None:
        """Clear the line on a terminal."""
        if self._open:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._open = False


def step_text(document: Document, width: int, *, coarse: bool = False) -> str:
    """Return the words for where an analysis is; a bar while detectors run over several items.

    With ``coarse`` the bar moves in tenths, so that a log file gets a few lines and not hundreds.
    """
    stage = str(document.get("stage") or document.get("state") or "queued")
    text = _STAGES.get(stage, stage)
    total, done = document.get("items_total"), document.get("items_done") or 0
    if stage != "detecting" or not total:
        return text
    done = min(int(done), int(total))
    if coarse and total > 10:
        return f"{text} {done * 10 // total * 10} %"
    filled = width * done // total
    return f"{text} [{'#' * filled}{'.' * (width - filled)}] {done}/{total}"


# ---- the verdict --------------------------------------------------------------------------------
def verdict_text(shown: Shown, *, colour: bool = False) -> str:
    """Return a finished analysis in words and figures that a person can read."""
    document = shown.document
    lines = [_headline(shown), ""]
    if document.get("failure"):
        failure = document["failure"]
        lines += [_paint("FAILED", "failed", colour) + f"  {failure.get('code')}: {failure.get('detail')}"]
    else:
        lines += [_file_verdict(document.get("verdict") or {}, colour), ""]
        for result in document.get("results") or ():
            lines += _result(result, colour)
    lines += ["", *_artifacts(shown), *_footer(shown)]
    return "\n".join(line.rstrip() for line in lines)


def _headline(shown: Shown) -> str:
    media = shown.document.get("media") or {}
    facts = [str(media.get("format") or "").upper()]
    if media.get("width") and media.get("height"):
        facts.append(f"{media['width']} x {media['height']}")
    if media.get("duration_s"):
        facts.append(f"{media['duration_s']:.1f} s")
    if media.get("pages"):
        facts.append(f"{media['pages']} pages" if media["pages"] > 1 else "1 page")
    if media.get("bytes"):
        facts.append(plain_size(media["bytes"]))
    warnings = ", ".join(media.get("warnings") or ())
    tail = f"  ({warnings})" if warnings else ""
    return f"{shown.name}: {', '.join(filter(None, facts)) or 'unknown media'}{tail}"


def _file_verdict(verdict: Document, colour: bool) -> str:
    label = str(verdict.get("label", "inconclusive"))
    parts = [_paint(_WORDS.get(label, label), label, colour), _probability(verdict)]
    if verdict.get("reason"):
        parts.append(str(verdict["reason"]).replace("_", " "))
    by = f", decided by {verdict['decided_by']}" if verdict.get("decided_by") else ""
    parts.append(f"(policy {verdict.get('policy', 'default')}{by})")
    text = "  ".join(filter(None, parts))
    gap = verdict.get("disagreement")
    return text + (f"\n  detectors disagree by {gap:.2f}" if gap and gap >= 0.3 else "")


def _probability(judged: Document) -> str:
    if judged.get("p_fake") is None:
        return ""
    text = f"p_fake {judged['p_fake']:.2f}"
    interval = judged.get("interval")
    return text + (f" [{interval['low']:.2f} to {interval['high']:.2f}]" if interval else "")


def _result(result: Document, colour: bool) -> list[str]:
    outcome, label = result.get("outcome"), str(result.get("verdict", ""))
    name = f"  {result.get('operation', '?'):<20}"
    if outcome == "scored":
        llr = f"  llr {result['llr']:+.2f}" if result.get("llr") is not None else ""
        lines = [f"{name}{_paint(f'{label:<15}', label, colour)}{_probability(result)}{llr}"]
    else:
        word = str(outcome).replace("_", " ")
        why = str(result.get("reason") or "").replace("_", " ")
        lines = [f"{name}{_paint(f'{word:<15}', str(outcome), colour)}{why}"]
    if result.get("detail"):
        lines.append(f"      {result['detail']}")
    if result.get("attribution"):
        lines.append(f"      attributed to {result['attribution']}")
    lines += [f"      {line}" for line in _evidence(result.get("evidence") or {})]
    lines += [f"      {_voice(voice)}" for voice in _told_apart(result.get("voices") or ())]
    if result.get("models"):
        lines.append("      by " + "; ".join(_model(model) for model in result["models"]) + _seconds(result))
    return lines


def _seconds(result: Document) -> str:
    return f", {result['seconds']:.2f} s" if result.get("seconds") is not None else ""


def _told_apart(voices: Sequence[Document]) -> list[Document]:
    """Return the voices that the fused score does not already tell: several, or in shadow."""
    fused = [voice for voice in voices if not voice.get("shadow") and voice.get("outcome") == "scored"]
    return [voice for voice in voices if voice.get("shadow")] + (fused if len(fused) > 1 else [])


def _voice(voice: Document) -> str:
    said = _probability(voice) or str(voice.get("reason") or voice.get("outcome")).replace("_", " ")
    weight = f", weight {voice['weight']:.2f}" if voice.get("weight") is not None else ""
    shadow = " (in shadow: decides nothing)" if voice.get("shadow") else ""
    return f"- {voice.get('model')} {voice.get('version')}: {said}{weight}{shadow}"


def _model(model: Document) -> str:
    shadow = ", in shadow" if model.get("shadow") else ""
    sha = str(model.get("sha256", ""))[:8]
    return f"{model.get('name')} {model.get('version')} ({model.get('type')}, {sha}{shadow})"


def _evidence(evidence: Document) -> list[str]:
    """Return the strongest pieces: flags as they come, regions, segments and frames by their scores."""
    lines = []
    flags = list(evidence.get("flags") or ())
    for flag in flags[:_SHOWN_FLAGS]:
        lines.append(f"- {flag.get('message') or flag.get('code')}")
        if flag.get("caveat"):
            lines.append(f"  but: {flag['caveat']}")
    if len(flags) > _SHOWN_FLAGS:
        lines.append(f"- and {len(flags) - _SHOWN_FLAGS} more flags")
    for region in _strongest(evidence.get("regions"), "score"):
        where = f" of frame {region['frame']}" if region.get("frame") is not None else ""
        lines.append(
            f"- region {region['width']} x {region['height']} at ({region['x']}, {region['y']}){where}, "
            f"score {region['score']:.2f}"
        )
    for piece in _strongest(evidence.get("segments"), "llr"):
        llr = f", llr {piece['llr']:+.2f}" if piece.get("llr") is not None else ""
        note = f", {piece['note']}" if piece.get("note") else ""
        lines.append(f"- {piece['start_s']:.2f} to {piece['end_s']:.2f} s{llr}{note}")
    scored = [frame for frame in evidence.get("frames") or () if frame.get("p_fake") is not None]
    return lines + [
        f"- frame {frame['index']} at {frame['time_s']:.2f} s, p_fake {frame['p_fake']:.2f}"
        for frame in _strongest(scored, "p_fake")
    ]


def _strongest(pieces: Sequence[Document] | None, key: str) -> list[Document]:
    return sorted(pieces or (), key=lambda piece: -(piece.get(key) or 0))[:_SHOWN_PIECES]


def _artifacts(shown: Shown) -> list[str]:
    if not shown.files:
        return []
    titles = {item.get("name"): item for item in shown.document.get("artifacts") or ()}
    lines = [f"Artifacts in {shown.folder}/"]
    for file in shown.files:
        item = titles.get(file.name) or {}
        title = item.get("title") or item.get("operation") or ""
        lines.append(f"  {file.name:<32} {title}")
    return lines


def _footer(shown: Shown) -> list[str]:
    document, timing = shown.document, shown.timing
    split = [f"sending {timing.send:.1f}"]
    queue = _between(document.get("created_at"), document.get("started_at"))
    work = _between(document.get("started_at"), document.get("completed_at"))
    split += [f"queue {queue:.1f}"] if queue is not None else []
    split += [f"analysis {work:.1f}"] if work is not None else []
    split += [f"artifacts {timing.fetch:.1f}"] if shown.files else []
    lines = [f"Time     {timing.total:.1f} s ({', '.join(split)})"]
    if (cost := _cost(document)) is not None:
        lines.append(f"Cost     about ${cost:.6f} on AWS")
    versions = ", ".join(f"{name} {version}" for name, version in (document.get("versions") or {}).items())
    lines.append(f"Id       {document.get('id')}" + (f"  ({versions})" if versions else ""))
    return lines


def _cost(document: Document) -> float | None:
    cost = document.get("cost")
    value = cost.get("usd") if isinstance(cost, Mapping) else document.get("cost_usd")
    return float(value) if value is not None else None


def _between(begin: str | None, end: str | None) -> float | None:
    if not begin or not end:
        return None
    span = datetime.fromisoformat(end) - datetime.fromisoformat(begin)
    return max(0.0, span.total_seconds())


def _paint(text: str, label: str, colour: bool) -> str:
    return f"\x1b[1;{_COLOURS[label]}m{text}\x1b[0m" if colour and label in _COLOURS else text


# ---- several files ------------------------------------------------------------------------------
def summary_row(shown: Shown) -> tuple[str, str, str, str, str]:
    """Return file, verdict, p_fake, what decided, seconds."""
    verdict = shown.document.get("verdict") or {}
    label = "failed" if shown.document.get("failure") else str(verdict.get("label", "?")).replace("_", " ")
    score = f"{verdict['p_fake']:.2f}" if verdict.get("p_fake") is not None else "-"
    why = (
        (shown.document.get("failure") or {}).get("code")
        or verdict.get("decided_by")
        or verdict.get("reason")
    )
    return shown.name, label, score, str(why or "-"), f"{shown.timing.total:.1f}"


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Return rows under their heads, in columns."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in text)


def plain_size(count: int) -> str:
    """Return bytes for people: 1.2 MB.

    >>> plain_size(1_234_567)
    '1.2 MB'
    """
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
