"""Provenance of files whose credentials the test signed, changed, removed, or put elsewhere."""

from __future__ import annotations

import socket
from pathlib import Path

import pikepdf
import pillow_heif
import pytest
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, Verdict, WorkItem
from bonafide.policy import TRUSTED_GENERATED, policy
from bonafide_inference.detectors.provenance.flags import fact_flags, story_flags
from bonafide_inference.detectors.provenance.manifest import Facts, Store, facts_of, read_store, trusted_by
from bonafide_inference.detectors.provenance.story import outline, story_of
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item
from bonafide_inference.trustlists import TrustList, load
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.provenance import signing

PHOTO = makers.jpeg(makers.texture())
pillow_heif.register_heif_opener()


def ask(path: Path, data: bytes) -> Finding:
    path.write_bytes(data)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="file", operations=(Operation.PROVENANCE,))
    (finding,) = run_item(str(path), media, item, Options(), str(path.parent))
    assert finding.outcome in (Outcome.INCONCLUSIVE, Outcome.SCORED), finding.detail
    assert all(flag.caveat and flag.base_rate for flag in finding.evidence.flags)
    return finding


def codes(finding: Finding) -> set[str]:
    return {flag.code for flag in finding.evidence.flags}


def four(finding: Finding) -> tuple[object, ...]:
    values = finding.evidence.values
    return tuple(
        values[f"c2pa_{name}"] for name in ("present", "content_bound", "signature_valid", "signer_trusted")
    )


def known(name: str = "Test list") -> TrustList:
    return TrustList("test", name, "2026-01-31", signing.authority()[2], "", signing.PURPOSES)


class TestFourFacts:
    def test_signed(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", signing.sign(PHOTO, source="digitalCapture"))
        assert four(found)[:3] == (True, True, True)
        assert "declared_captured" in codes(found)
        assert found.evidence.values["c2pa_generator"] == "Bonafide test 1"

    def test_a_capture_is_no_acquittal(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", signing.sign(PHOTO, source="digitalCapture"))
        assert (found.outcome, found.p_fake, found.llr) == (Outcome.INCONCLUSIVE, None, None)

    def test_content_changed_after_signing(self, tmp_path: Path) -> None:
        data = bytearray(signing.sign(PHOTO, source="digitalCapture"))
        data[-100] ^= 1
        found = ask(tmp_path / "x.jpg", bytes(data))
        assert four(found)[:3] == (True, False, True)
        assert "credentials_not_of_this_content" in codes(found)
        (flag,) = (flag for flag in found.evidence.flags if flag.code == "declared_captured")
        assert flag.where.startswith("NOT bound")

    def test_saved_anew_has_none(self, tmp_path: Path) -> None:
        path = tmp_path / "signed.jpg"
        path.write_bytes(signing.sign(PHOTO, source="digitalCapture"))
        with Image.open(path) as image:
            found = ask(tmp_path / "x.jpg", makers.jpeg(image.convert("RGB")))
        assert four(found)[0] is False
        assert found.reason == "no_provenance"

    def test_statements_changed_after_signing(self, tmp_path: Path) -> None:
        data = signing.sign(PHOTO, source="digitalCapture")
        at = data.index(b"digitalCapture")
        found = ask(tmp_path / "x.jpg", data[:at] + b"digitalNothing" + data[at + 14 :])
        assert found.evidence.values["c2pa_assertions_intact"] is False
        assert "credentials_statements_changed" in codes(found)

    def test_signature_changed(self, tmp_path: Path) -> None:
        """One byte of the claim: the signature no longer fits, the content still does."""
        data = signing.sign(PHOTO, source="digitalCapture")
        at = data.index(b"made by a test")
        found = ask(tmp_path / "x.jpg", data[:at] + b"fade" + data[at + 4 :])
        assert four(found)[:3] == (True, True, False)
        assert "credentials_signature_broken" in codes(found)

    def test_cut_off_credentials_do_not_crash(self, tmp_path: Path) -> None:
        data = signing.sign(PHOTO, source="digitalCapture")
        at = data.index(b"jumdc2pa")
        found = ask(tmp_path / "x.jpg", data[: at + 30] + b"\0" * 200 + data[at + 230 :])
        assert four(found)[0] is True
        assert found.evidence.values["c2pa_state"] in ("unreadable", "embedded")

    @pytest.mark.parametrize(
        ("name", "mime"),
        [
            ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif"), ("TIFF", "image/tiff"),
            ("AVIF", "image/avif"), ("HEIF", "image/heic"),
        ],
    )  # fmt: skip
    def test_other_pictures(self, tmp_path: Path, name: str, mime: str) -> None:
        found = ask(tmp_path / "x", signing.sign(makers.picture(name), mime, source="digitalCapture"))
        assert four(found)[:3] == (True, True, True)

    @pytest.mark.parametrize(("name", "mime"), [("AVIF", "image/avif"), ("HEIF", "image/heic")])
    def test_a_changed_picture_in_boxes(self, tmp_path: Path, name: str, mime: str) -> None:
        data = bytearray(signing.sign(makers.picture(name), mime, source="trainedAlgorithmicMedia"))
        data[-40] ^= 1  # of the coded pixels
        found = ask(tmp_path / "x", bytes(data))
        assert four(found)[:3] == (True, False, True)
        assert found.outcome is Outcome.INCONCLUSIVE

    def test_sound_and_video(self, tmp_path: Path) -> None:
        wav = makers.sound(tmp_path / "x.wav", "pcm_s16le", makers.noise(1)).read_bytes()
        assert four(ask(tmp_path / "y.wav", signing.sign(wav, "audio/wav")))[:3] == (True, True, True)
        clip = makers.video(tmp_path / "x.mp4").read_bytes()
        assert four(ask(tmp_path / "y.mp4", signing.sign(clip, "video/mp4")))[:3] == (True, True, True)
        assert four(ask(tmp_path / "z.mp4", clip))[0] is False

    def test_a_format_without_credentials_is_not_checked(self, tmp_path: Path) -> None:
        clip = makers.video(tmp_path / "x.mkv", container="matroska").read_bytes()
        found = ask(tmp_path / "y.mkv", clip)
        assert four(found)[0] == "not checked"
        assert found.evidence.values["c2pa_state"] == "unsupported"

    @pytest.mark.parametrize(
        "facts",
        [Facts(True, True, True, credential="expired"), Facts(True, True, True, claim_well_formed=False)],
    )
    def test_invalid_by_form_is_no_tampering(self, facts: Facts) -> None:
        """As 34 of 53 genuine files of one generator are."""
        (flag,) = fact_flags(Store("embedded"), facts)
        assert flag.code == "credentials_formally_invalid"
        assert "no sign of tampering" in flag.caveat


class TestStory:
    def test_generated(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", signing.sign(PHOTO, source="trainedAlgorithmicMedia"))
        assert found.evidence.values["ai_generated_per_manifest"] is True
        (flag,) = found.evidence.flags
        assert (flag.code, flag.value) == ("declared_generated", "Bonafide test 1")
        assert flag.where.startswith("content bound; signer ")
        sources = found.evidence.details["c2pa"]["digital_source_types"]
        assert sources["content"] == ["trainedAlgorithmicMedia"]
        assert (found.outcome, found.reason, found.attribution) == (Outcome.SCORED, None, "Bonafide test 1")
        assert found.p_fake > 0.95 and found.interval.low > 0.9
        result = fuse_operation(Operation.PROVENANCE, [found], policy("default"))
        assert result.verdict is Verdict.MANIPULATED

    def test_of_another_content_it_says_nothing(self, tmp_path: Path) -> None:
        data = bytearray(signing.sign(PHOTO, source="trainedAlgorithmicMedia"))
        data[-100] ^= 1
        found = ask(tmp_path / "x.jpg", bytes(data))
        assert (found.outcome, found.p_fake) == (Outcome.INCONCLUSIVE, None)
        assert codes(found) == {"declared_generated", "credentials_not_of_this_content"}

    def test_a_known_signer_decides_under_any_policy(self, tmp_path: Path) -> None:
        path = tmp_path / "x.jpg"
        path.write_bytes(signing.sign(PHOTO, source="trainedAlgorithmicMedia"))
        store = read_store(str(path), "image/jpeg")
        facts = facts_of(store, trusted_by(str(path), "image/jpeg", (known(),)))
        (flag,) = story_flags(story_of(store.tree), facts)
        assert (flag.code, flag.where) == (TRUSTED_GENERATED, "content bound; signer on the Test list")
        stern = policy("default").model_copy(update={"name": "stern", "manipulated_at": 0.999})
        found = ask(path, path.read_bytes())
        assert fuse_operation(Operation.PROVENANCE, [found], stern).verdict is Verdict.INCONCLUSIVE
        evidence = found.evidence.model_copy(update={"flags": (flag,)})
        sure = found.model_copy(update={"evidence": evidence})
        assert fuse_operation(Operation.PROVENANCE, [sure], stern).verdict is Verdict.MANIPULATED

    def test_edited_copy_keeps_its_origin(self, tmp_path: Path) -> None:
        made = signing.sign(PHOTO, source="trainedAlgorithmicMedia")
        found = ask(tmp_path / "x.jpg", signing.sign(PHOTO, parent=made, action="c2pa.cropped"))
        assert found.evidence.values["c2pa_reading"] == "generated_then_edited"
        first = found.evidence.details["c2pa"]["manifests"][0]
        assert first["active"] and first["ingredients"][0]["relationship"] == "parentOf"
        assert [a["action"] for a in first["actions"]] == ["c2pa.cropped"]

    def test_parts_only(self, tmp_path: Path) -> None:
        data = signing.sign(PHOTO, source="compositeWithTrainedAlgorithmicMedia", action="c2pa.edited")
        found = ask(tmp_path / "x.jpg", data)
        assert codes(found) == {"declared_generated_parts"}
        assert found.evidence.values["ai_generated_per_manifest"] is False
        assert found.outcome is Outcome.SCORED

    def test_broken_ingredient(self, tmp_path: Path) -> None:
        parent = bytearray(signing.sign(PHOTO, source="digitalCapture"))
        parent[-100] ^= 1
        found = ask(tmp_path / "x.jpg", signing.sign(PHOTO, parent=bytes(parent), action="c2pa.cropped"))
        assert four(found)[1] is True
        assert found.evidence.values["c2pa_ingredients_intact"] is not None

    @pytest.mark.parametrize("tree", [{}, {"manifests": []}, {"manifests": {"a": 1}, "active_manifest": "a"}])
    def test_a_tree_of_another_shape_tells_nothing(self, tree: dict[str, object]) -> None:
        assert story_of(tree).reading == "other"
        assert all(isinstance(row, dict) for row in outline(tree))

    def test_manifests_that_name_each_other(self) -> None:
        loop = {"ingredients": [{"relationship": "parentOf", "active_manifest": "a"}]}
        assert story_of({"manifests": {"a": loop}, "active_manifest": "a"}).reading == "other"


class TestTrust:
    def test_without_a_list_the_signer_is_not_checked(self, tmp_path: Path) -> None:
        wanted = False if load() else "not checked"  # this checkout's owner may have installed lists
        assert four(ask(tmp_path / "x.jpg", signing.sign(PHOTO)))[3] == wanted
        assert trusted_by(str(tmp_path / "x.jpg"), "image/jpeg", ()) == ("not checked", None)

    def test_known_by_the_second_list(self, tmp_path: Path) -> None:
        path = tmp_path / "x.jpg"
        path.write_bytes(signing.sign(PHOTO))
        other = TrustList("other", "Other list", "2026-01-30", _stranger(), "", signing.PURPOSES)
        trust = trusted_by(str(path), "image/jpeg", (other, known()))
        facts = facts_of(read_store(str(path), "image/jpeg"), trust)
        assert (facts.signer_trusted, facts.trust_list, facts.trust_list_snapshot) == (
            True, "Test list", "2026-01-31",
        )  # fmt: skip

    def test_known_by_none(self, tmp_path: Path) -> None:
        path = tmp_path / "x.jpg"
        path.write_bytes(signing.sign(PHOTO))
        other = TrustList("other", "Other list", "2026-01-30", _stranger(), "", signing.PURPOSES)
        facts = facts_of(read_store(str(path), "image/jpeg"), trusted_by(str(path), "image/jpeg", (other,)))
        assert (facts.signer_trusted, facts.signature_valid, facts.content_bound) == (False, True, True)
        assert facts.trust_list_snapshot == "2026-01-30"

    def test_trust_does_not_hide_a_change(self, tmp_path: Path) -> None:
        data = bytearray(signing.sign(PHOTO))
        data[-100] ^= 1
        path = tmp_path / "x.jpg"
        path.write_bytes(bytes(data))
        facts = facts_of(read_store(str(path), "image/jpeg"), trusted_by(str(path), "image/jpeg", (known(),)))
        assert (facts.signer_trusted, facts.content_bound) == (True, False)


def _stranger() -> str:
    return signing.authority.__wrapped__()[2]


class TestNetwork:
    @pytest.mark.enable_socket
    def test_an_address_in_the_file_is_not_visited(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0)
            address = f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa"
            found = ask(tmp_path / "x.jpg", signing.sign(PHOTO, remote=address))
            with pytest.raises(BlockingIOError):
                server.accept()
        assert found.evidence.values["c2pa_state"] == "remote"
        assert found.evidence.details["c2pa"]["remote_manifest"] == address
        assert four(found) == (True, "not checked", "not checked", "not checked")


class TestBeside:
    def test_iptc_source_type_in_xmp(self, tmp_path: Path) -> None:
        packet = (
            b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            b'<rdf:Description xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" e:DigitalSourceType='
            b'"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta>'
        )
        found = ask(tmp_path / "x.jpg", makers.jpeg(makers.texture(), xmp=packet))
        told = found.evidence.details["statements"]
        assert told["digital_source_type"] == {"type": "trainedAlgorithmicMedia", "reading": "generated"}
        assert found.reason == "no_calibrated_score"
        assert codes(found)

    def test_xmp_of_a_document(self, tmp_path: Path) -> None:
        path = makers.pdf(tmp_path / "x.pdf")
        with pikepdf.open(path, allow_overwriting_input=True) as document:
            with document.open_metadata(set_pikepdf_as_editor=False) as meta:
                meta["xmp:CreatorTool"] = "A writer"
            document.save(path)
        found = ask(path, path.read_bytes())
        assert found.evidence.details["statements"]["xmp"]["xmp:CreatorTool"] == "A writer"

    def test_what_cannot_be_checked_is_said(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", PHOTO)
        assert "SynthID" in (found.detail or "")
        assert found.evidence.details["not_checkable"]
