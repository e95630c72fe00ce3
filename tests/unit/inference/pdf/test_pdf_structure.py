"""Documents whose history the test knows, because it made them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pikepdf
import pytest
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide_inference.detectors.pdf_structure.revisions import history
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item
from PIL import Image

from benchmarks import documents
from tests.unit.inference import makers

PLAIN = Options()


def ask(path: Path, data: bytes | None = None, options: Options = PLAIN) -> Finding:
    if data is not None:
        path.write_bytes(data)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="file", operations=(Operation.FILE_FORENSICS,))
    (finding,) = run_item(str(path), media, item, options, str(path.parent), seconds=20, memory_mb=1024)
    assert (finding.outcome, finding.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score"), finding.detail
    assert all(flag.caveat and " of " in flag.base_rate for flag in finding.evidence.flags)
    return finding


def codes(finding: Finding) -> set[str]:
    return {flag.code for flag in finding.evidence.flags}


def changed(path: Path, change: object) -> Path:
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        change(document)  # type: ignore[operator]
        document.save(path)
    return path


@pytest.mark.parametrize(
    ("data", "wanted", "unwanted"),
    [pytest.param(*case[1:], id=case[0]) for case in documents.cases()],
)
def test_known_histories(tmp_path: Path, data: bytes, wanted: set[str], unwanted: set[str]) -> None:
    found = codes(ask(tmp_path / "x.pdf", data))
    assert wanted <= found
    assert not unwanted & found


class TestRevisions:
    def test_plain_document(self, tmp_path: Path) -> None:
        found = ask(makers.pdf(tmp_path / "x.pdf", Producer="Bonafide"))
        assert found.evidence.values["revisions"] == 1
        assert found.evidence.values["producer"] == "Bonafide"
        assert codes(found) == set()
        assert not found.artifacts

    def test_linearised_document_is_one_revision(self, tmp_path: Path) -> None:
        values = ask(makers.pdf(tmp_path / "x.pdf", pages=3, linearize=True)).evidence.values
        assert (values["linearised"], values["end_marks"], values["revisions"]) == (True, 2, 1)

    @pytest.mark.parametrize("times", [1, 3])
    def test_every_earlier_revision_is_recovered(self, tmp_path: Path, times: int) -> None:
        versions = [makers.pdf(tmp_path / "0.pdf").read_bytes()]
        for _ in range(times):
            versions.append(makers.append_revision(versions[-1]))
        found = ask(tmp_path / "x.pdf", versions[-1])
        assert found.evidence.values["revisions"] == times + 1
        assert [a.name for a in found.artifacts] == [f"revision-{n}.pdf" for n in range(times, 0, -1)]
        for artifact, wanted in zip(found.artifacts, reversed(versions[:-1]), strict=True):
            assert Path(artifact.path).read_bytes() == wanted

    def test_what_a_later_save_did(self, tmp_path: Path) -> None:
        data = documents.appended(documents.page(pages=2))
        details = ask(tmp_path / "x.pdf", data).evidence.details
        assert details["changes"] == [{
            "revision": 2, "pages_before": 2, "pages_after": 2,
            "content_changed_on_pages": [1], "annotations_added_on_pages": [],
        }]  # fmt: skip
        assert [row["state"] for row in details["revisions"]] == ["recovered", "current"]

    def test_a_hundred_revisions_stay_bounded(self, tmp_path: Path) -> None:
        data = makers.pdf(tmp_path / "0.pdf").read_bytes()
        for _ in range(100):
            data = makers.append_revision(data)
        found = ask(tmp_path / "x.pdf", data)
        assert found.evidence.values["revisions"] == 101
        assert len(found.artifacts) == 8

    def test_sections_that_name_each_other(self, tmp_path: Path) -> None:
        path = tmp_path / "x.pdf"
        data = makers.append_revision(makers.pdf(path).read_bytes())
        last = int(data.rsplit(b"startxref", 1)[1].split()[0])
        before = int(data.rsplit(b"/Prev ", 1)[1].split()[0])
        path.write_bytes(data.replace(b"/Prev %d" % before, b"/Prev %d" % last))
        assert not history(str(path)).chained

    def test_bytes_before_the_header(self, tmp_path: Path) -> None:
        data = makers.append_revision(makers.pdf(tmp_path / "0.pdf").read_bytes())
        found = ask(tmp_path / "x.pdf", b"mail header\r\n" + data)
        assert found.evidence.values["revisions"] == 2


class TestRiders:
    @pytest.mark.parametrize(
        ("before", "after", "code", "value"),
        [
            (b"mail header\r\n", b"", "leading_data", 13),
            (b"\x7fELF\x02\x01\x01" + b"\0" * 64, b"", "polyglot", "linux program"),
            (b"", bytes(range(20, 120)), "trailing_data", 100),
            (b"", b"<html><script>alert(1)</script></html>", "polyglot", "html"),
            (b"", makers.jpeg(makers.texture(64, 48)), "polyglot", "jpeg"),
            (b"", makers.archive(), "polyglot", "zip"),
        ],
    )
    def test_what_is_no_part_of_it(
        self, tmp_path: Path, before: bytes, after: bytes, code: str, value: object
    ) -> None:
        found = ask(tmp_path / "x.pdf", before + makers.pdf(tmp_path / "0.pdf").read_bytes() + after)
        assert [(flag.code, flag.value) for flag in found.evidence.flags] == [(code, value)]
        (rider,) = found.evidence.details["riders"]
        assert rider["place"] == ("before" if before else "after")

    @pytest.mark.parametrize("around", [(b"", b"\r\n\r\n"), (b"\xef\xbb\xbf", b""), (b"", b"\0" * 300)])
    def test_padding_is_innocent(self, tmp_path: Path, around: tuple[bytes, bytes]) -> None:
        data = makers.pdf(tmp_path / "0.pdf").read_bytes()
        assert codes(ask(tmp_path / "x.pdf", around[0] + data + around[1])) == set()

    def test_an_attached_archive_is_no_second_form(self, tmp_path: Path) -> None:
        def act(document: pikepdf.Pdf) -> None:
            document.attachments["a.zip"] = makers.archive()

        assert codes(ask(changed(makers.pdf(tmp_path / "x.pdf"), act))) == {"embedded_files"}


class TestWriterAndDates:
    def test_dates(self, tmp_path: Path) -> None:
        path = makers.pdf(
            tmp_path / "x.pdf", CreationDate="D:20210101120000+01'00'", ModDate="D:20200101120000Z"
        )
        changed(path, lambda document: _xmp(document, "xmp:CreateDate", "2019-05-05T10:00:00Z"))
        assert {"info_and_xmp_dates_differ", "modified_before_creation"} <= codes(ask(path))

    def test_same_moment_in_two_notations_is_no_difference(self, tmp_path: Path) -> None:
        path = makers.pdf(tmp_path / "x.pdf", CreationDate="D:20210101120000+01'00'")
        changed(path, lambda document: _xmp(document, "xmp:CreateDate", "2021-01-01T11:00:00Z"))
        assert "info_and_xmp_dates_differ" not in codes(ask(path))

    def test_modified_later_is_normal(self, tmp_path: Path) -> None:
        path = makers.pdf(tmp_path / "x.pdf", CreationDate="D:20210101120000Z", ModDate="D:20220101120000Z")
        assert codes(ask(path)) == set()

    def test_producers_differ(self, tmp_path: Path) -> None:
        path = makers.pdf(tmp_path / "x.pdf", Producer="iLovePDF")
        changed(path, lambda document: _xmp(document, "pdf:Producer", "Microsoft Word"))
        assert {"producers_differ", "editing_software"} <= codes(ask(path))

    def test_strings_that_json_cannot_hold(self, tmp_path: Path) -> None:
        path = makers.pdf(tmp_path / "x.pdf")
        bad = pikepdf.String(b"\xfe\xff\0a\0\0\xd8\0\0c")
        producer = ask(changed(path, lambda d: d.docinfo.__setitem__("/Producer", bad))).evidence.values[
            "producer"
        ]
        assert producer.startswith("a")
        assert producer.isprintable()


def _xmp(document: pikepdf.Pdf, key: str, value: str) -> None:
    with document.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as meta:
        meta[key] = value


class TestContent:
    def test_active_content(self, tmp_path: Path) -> None:
        def act(document: pikepdf.Pdf) -> None:
            document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
            document.attachments["a.txt"] = b"attached"

        found = ask(changed(makers.pdf(tmp_path / "x.pdf"), act))
        assert {"active_content", "embedded_files"} <= codes(found)
        assert (found.evidence.values["scripts"], found.evidence.values["open_actions"]) == (1, 1)

    def test_launch_action(self, tmp_path: Path) -> None:
        def act(document: pikepdf.Pdf) -> None:
            document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe")

        assert "active_content" in codes(ask(changed(makers.pdf(tmp_path / "x.pdf"), act)))

    def test_fonts_of_a_page(self, tmp_path: Path) -> None:
        (page,) = ask(tmp_path / "x.pdf", documents.page()).evidence.details["pages"]
        assert page["size"] == [595.0, 842.0]
        assert page["fonts"] == [{"name": "Helvetica", "subset": None, "type": "Type1", "embedded": False}]

    def test_two_subsets_of_one_font(self, tmp_path: Path) -> None:
        def act(document: pikepdf.Pdf) -> None:
            fonts = document.pages[0].Resources.Font
            for tag in ("ABCDEF", "GHIJKL"):
                name = pikepdf.Name(f"/{tag}+Arial")
                fonts[f"/{tag}"] = pikepdf.Dictionary(
                    Type=pikepdf.Name.Font, Subtype=pikepdf.Name.TrueType, BaseFont=name
                )

        path = tmp_path / "x.pdf"
        path.write_bytes(documents.page())
        assert "font_embedded_twice" in codes(ask(changed(path, act)))

    @pytest.mark.parametrize(
        ("kind", "flag"),
        [("FreeText", "annotations_over_content"), ("Redact", "redaction_not_applied"), ("Link", None)],
    )
    def test_annotations(self, tmp_path: Path, kind: str, flag: str | None) -> None:
        def act(document: pikepdf.Pdf) -> None:
            note = pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name(f"/{kind}"), Rect=[60, 690, 400, 730]
            )
            document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(note)])

        path = tmp_path / "x.pdf"
        path.write_bytes(documents.page())
        assert codes(ask(changed(path, act))) == ({flag} if flag else set())

    def test_text_in_a_form_that_is_covered(self, tmp_path: Path) -> None:
        def act(document: pikepdf.Pdf) -> None:
            form = document.make_stream(
                b"BT /F1 12 Tf 10 10 Td (Inside a form) Tj ET", Type=pikepdf.Name.XObject,
                Subtype=pikepdf.Name.Form, BBox=[0, 0, 200, 50], Matrix=[1, 0, 0, 1, 100, 300],
            )  # fmt: skip
            document.pages[0].Resources.XObject = pikepdf.Dictionary(Fm=form)
            document.pages[0].obj.Contents = document.make_stream(b"/Fm Do 1 g 100 300 200 50 re f")

        path = tmp_path / "x.pdf"
        path.write_bytes(documents.page())
        (look,) = ask(changed(path, act)).evidence.details["unseen_text"]
        assert look == {"page": 1, "covered": 13}

    @pytest.mark.parametrize(
        "content",
        [
            b"BT /F1 12 Tf 72 600 Td (Seen) Tj ET q 0 0 50 50 re W n 0 g 60 590 300 30 re f Q",  # clipped
            b"BT /F1 12 Tf 72 600 Td (Seen) Tj ET q /Clear gs 0 g 60 590 300 30 re f Q",  # see-through
            b"0 g 60 590 300 30 re f 1 g BT /F1 12 Tf 72 600 Td (Seen) Tj ET",  # painted before
            b"BT /F1 12 Tf 72 600 Td (Seen) Tj ET 0 0 m 595 0 l 300 842 l f",  # no rectangle
            b"/Sep cs 1 scn BT /F1 12 Tf 72 600 Td (Full ink, not white) Tj ET",
        ],
    )
    def test_text_that_is_seen_is_left_alone(self, tmp_path: Path, content: bytes) -> None:
        def act(document: pikepdf.Pdf) -> None:
            separation = pikepdf.Array([
                pikepdf.Name.Separation, pikepdf.Name.Gold, pikepdf.Name.DeviceCMYK, pikepdf.Dictionary()
            ])  # fmt: skip
            document.pages[0].Resources.ColorSpace = pikepdf.Dictionary(Sep=separation)

        path = tmp_path / "x.pdf"
        path.write_bytes(documents.page(content))
        assert codes(ask(changed(path, act))) == set()

    @pytest.mark.parametrize("content", [b"BT", b"Q Q Q", b"(a Tj", b"1 0 cm", b"/No Do", b"q " * 5000])
    def test_broken_content_is_no_crash(self, tmp_path: Path, content: bytes) -> None:
        ask(tmp_path / "x.pdf", documents.page(content))

    def test_a_bomb_of_content_is_not_unpacked(self, tmp_path: Path) -> None:
        path = tmp_path / "x.pdf"
        path.write_bytes(documents.page(b" " * (50 * 2**20)))
        changed(path, lambda _: None)  # packed by now
        assert path.stat().st_size < 2**20
        assert ask(path).evidence.values["pages_not_read"] == 1

    def test_a_form_that_calls_itself(self, tmp_path: Path) -> None:
        def act(document: pikepdf.Pdf) -> None:
            form = document.make_stream(
                b"/Fm Do /Fm Do", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 9, 9]
            )
            form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm=form))
            document.pages[0].Resources.XObject = pikepdf.Dictionary(Fm=form)
            document.pages[0].obj.Contents = document.make_stream(b"/Fm Do")

        path = tmp_path / "x.pdf"
        path.write_bytes(documents.page())
        assert ask(changed(path, act)).seconds < 8


class TestSignatures:
    def test_what_is_told_of_a_signature(self, tmp_path: Path) -> None:
        (told,) = ask(tmp_path / "x.pdf", documents.signed(documents.page())).evidence.details["signatures"]
        assert (told["intact"], told["signature_valid"], told["coverage"]) == (True, True, "entire_file")
        assert told["signer_trusted"] == "not checked"
        assert "Test Signer" in told["signer"]

    def test_valid_and_changed(self, tmp_path: Path) -> None:
        """The key rule: a signature that fits says nothing of what was appended."""
        data = documents.overlaid(documents.signed(documents.page()))
        found = ask(tmp_path / "x.pdf", data)
        (told,) = found.evidence.details["signatures"]
        assert (told["intact"], told["signature_valid"]) == (True, True)
        assert (told["coverage"], told["modification_level"]) == ("entire_revision", "other")
        assert {"changed_after_signing", "text_over_covered_text", "page_content_changed_later"} <= codes(
            found
        )

    def test_a_second_signature_is_permitted(self, tmp_path: Path) -> None:
        data = documents.signed(documents.signed(documents.page()), "Second")
        assert not {"changed_after_signing", "signature_broken"} & codes(ask(tmp_path / "x.pdf", data))

    def test_a_signature_that_leaves_a_part_out(self, tmp_path: Path) -> None:
        data = documents.signed(documents.page())
        ranges = re.search(rb"/ByteRange ?\[ ?(\d+) (\d+) (\d+) (\d+)", data)
        assert ranges
        less = str(int(ranges[4]) - 40).encode().ljust(len(ranges[4]))
        found = ask(tmp_path / "x.pdf", data[: ranges.start(4)] + less + data[ranges.end(4) :])
        assert "signature_covers_part" in codes(found)

    def test_a_signature_in_no_field(self, tmp_path: Path) -> None:
        def act(document: pikepdf.Pdf) -> None:
            document.Root.Perms = document.make_indirect(
                pikepdf.Dictionary(Type=pikepdf.Name.Sig, ByteRange=[0, 100, 200, 300], Contents=b"sig")
            )

        found = ask(changed(makers.pdf(tmp_path / "x.pdf"), act))
        assert "signature_not_checked" in codes(found)
        assert found.evidence.values["signatures"] == 1


class TestPictures:
    def ask(self, tmp_path: Path, *, extract: bool) -> Finding:
        path = tmp_path / "x.pdf"
        path.write_bytes(documents.page(b"/Im1 Do", picture=True))

        def act(document: pikepdf.Pdf) -> None:
            objects = document.pages[0].Resources.XObject
            objects.Photo = pikepdf.Stream(
                document, makers.jpeg(makers.texture(64, 48)), Subtype=pikepdf.Name.Image,
                Width=64, Height=48, BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB,
                Filter=pikepdf.Name.DCTDecode,
            )  # fmt: skip
            objects.Fax = pikepdf.Stream(
                document, b"\0" * 40, Subtype=pikepdf.Name.Image, Width=8, Height=8, BitsPerComponent=1,
                ColorSpace=pikepdf.Name.DeviceGray, Filter=pikepdf.Name.JBIG2Decode,
            )  # fmt: skip
            objects.Huge = pikepdf.Stream(
                document, b"\0", Subtype=pikepdf.Name.Image, Width=100_000, Height=100_000,
                BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray,
            )  # fmt: skip

        return ask(changed(path, act), options=Options(extract_images=extract))

    def test_listed_but_not_given_unless_asked(self, tmp_path: Path) -> None:
        found = self.ask(tmp_path, extract=False)
        assert found.evidence.values["images"] == 4
        assert not found.artifacts

    def test_given_on_request(self, tmp_path: Path) -> None:
        found = self.ask(tmp_path, extract=True)
        assert found.evidence.values["images_extracted"] == 2
        sizes = set()
        for artifact in found.artifacts:
            with Image.open(io.BytesIO(Path(artifact.path).read_bytes())) as image:
                sizes.add((artifact.media_type, image.size))
        assert sizes == {("image/png", (16, 16)), ("image/jpeg", (64, 48))}

    def test_what_is_left_out_is_said(self, tmp_path: Path) -> None:
        left = self.ask(tmp_path, extract=True).evidence.details["images_left_out"]
        assert {one["reason"] for one in left} == {"no_jbig2_decoder", "too_large"}


def test_a_bomb_of_objects_is_an_outcome(tmp_path: Path) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(makers.pdf_bomb())
    assert not isinstance(inspect(str(path)), MediaFacts)
