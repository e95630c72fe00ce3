"""make score: one line a file, whatever the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcloud import score
from tests.unit.inference import makers


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    (folder / "a_splice.jpg").write_bytes(makers.spliced()[0])
    (folder / "b_empty.jpg").write_bytes(b"")
    (folder / "c_text.jpg").write_bytes(b"no picture")
    (folder / "d_broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    (folder / ".hidden").write_bytes(b"x")
    (folder / "sub" / "e.png").write_bytes(makers.picture("PNG"))
    makers.pdf(folder / "sub" / "f.pdf")
    return folder


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_file_has_its_line(media: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out.jsonl"
    assert score.main(["image_forgery", str(media), str(out)]) == 0
    rows = {row["path"]: row for row in lines(out)}
    assert list(rows) == [
        "a_splice.jpg",
        "b_empty.jpg",
        "c_text.jpg",
        "d_broken.jpg",
        "sub/e.png",
        "sub/f.pdf",
    ]
    assert all(
        {"outcome", "p_fake", "llr", "reason", "model", "seconds"} <= set(row) for row in rows.values()
    )
    assert rows["a_splice.jpg"]["outcome"] == "scored"
    assert rows["a_splice.jpg"]["p_fake"] > 0.9
    assert rows["a_splice.jpg"]["model"].startswith("double_quantisation@")
    assert (rows["b_empty.jpg"]["outcome"], rows["b_empty.jpg"]["reason"]) == ("not_applicable", "empty_file")
    assert rows["c_text.jpg"]["reason"] == "unsupported_format"
    assert (rows["d_broken.jpg"]["outcome"], rows["d_broken.jpg"]["reason"]) == ("failed", "unreadable_media")
    assert rows["sub/e.png"]["reason"] == "no_jpeg_history"
    assert rows["sub/f.pdf"]["reason"] == "no_detector"
    assert "6/6" in capsys.readouterr().err


def test_standard_output(media: Path, capsys: pytest.CaptureFixture) -> None:
    assert score.main(["file_forensics", str(media), "-"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_interrupted_keeps_whole_lines(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = score.score_file, []

    def impatient(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(score, "score_file", impatient)
    out = tmp_path / "out.jsonl"
    assert score.main(["image_forgery", str(media), str(out)]) == 130
    assert len(lines(out)) == 2


@pytest.mark.parametrize(
    "arguments", [["no_such", ".", "-"], ["image_forgery", "/absent", "-"], ["image_forgery"]]
)
def test_bad_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        score.main(arguments)
    assert caught.value.code == 2


def test_file_that_vanishes(tmp_path: Path) -> None:
    from bonafide.model import Operation

    row = score.score_file(str(tmp_path / "absent"), Operation.IMAGE_FORGERY)
    assert (row["outcome"], row["reason"]) == ("failed", "unreadable_file")
