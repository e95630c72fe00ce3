"""The trials of the voice detector on toys: every one is trained and judged; only where torch is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bonafide_inference
import numpy as np
import pytest
from bonafide_inference.models import load

torch = pytest.importorskip("torch")

from training import speech_trials, speech_variants  # noqa: E402
from training.speech_cache import Waves  # noqa: E402
from training.speech_material import Clip  # noqa: E402
from training.speech_net import VoiceNet  # noqa: E402


@pytest.fixture
def material() -> speech_trials.Material:
    rng = np.random.default_rng(0)
    labels = np.arange(72) % 2
    groups = np.array([f"s{n // 12}" for n in range(72)])
    samples = rng.normal(0, 3000, (72, 5, 16000))
    samples[labels == 1] *= np.where(np.arange(16000) % 4000 < 2000, 1, 0.05)  # flickers
    shipped = np.repeat(4.0 * labels[:, None] - 2, 3, axis=1)
    waves = Waves(samples.astype(np.int16), np.full(72, 16000))
    own, contrast = np.arange(72) >= 12, 0.1 * labels
    return speech_trials.Material(waves, labels, groups, np.arange(72) // 12 % 3, own, contrast, shipped)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CONTINUED", "SCRATCH"):
        recipe = replace(getattr(speech_trials, name), steps=2, pairs=2, samples=16000)
        monkeypatch.setattr(speech_trials, name, recipe)
    monkeypatch.setattr(speech_trials, "CACHE", tmp_path)
    monkeypatch.setattr(speech_variants, "STEPS", 2)


def test_every_trial_judges_every_clip_and_the_table_has_its_rows(material: speech_trials.Material) -> None:
    logits = {name: [speech_trials._trial(name, 0, material)[0]] for name in speech_trials.SEEDS}
    for found in logits.values():
        assert np.isfinite(found[0]).all()
        assert (found[0] != 0).all()
    assert len({found[0].tobytes() for found in logits.values()}) == len(logits)
    lines = speech_trials.report(material, logits)
    assert {line.split(",")[0].removeprefix("| ") for line in lines if "seeds, network" in line} == set(
        logits
    )


def test_a_difference_is_of_the_same_sources(material: speech_trials.Material) -> None:
    good, none = material.labels.astype(float), np.zeros(72)
    assert (
        "| 1.000 | 1.000 | 1.000 | +0.500 (+0.500 to +0.500) | +0.500 (+0.500 to +0.500) |"
        in speech_trials._line(material, "x", [good], [none])
    )


def test_what_was_tried_is_kept() -> None:
    first = speech_trials._kept("one", lambda: (np.arange(3.0),))
    again = speech_trials._kept("one", lambda: pytest.fail("made again"))
    assert np.array_equal(first[0], again[0])


def test_few_clips_of_each_source_and_class() -> None:
    clips = [Clip(Path(f"/m/speech/x/{n}.flac"), f"g{n % 3}", "", n % 2 == 1, True) for n in range(60)]
    rows = speech_trials.subset(clips, most=4)
    kinds = [(clips[row].group, clips[row].synthetic) for row in rows]
    assert {kinds.count(kind) for kind in kinds} == {4}
    back = speech_trials.subset(clips[::-1], most=4)
    assert {clips[row].name for row in rows} == {clips[::-1][row].name for row in back}


def test_the_shipped_judges_come_out_of_their_file() -> None:
    model = load(str(Path(bonafide_inference.__file__).parent / "detectors" / "synthetic_speech"), threads=1)
    planes = np.random.default_rng(0).standard_normal((2, 2, 256, 98)).astype(np.float32)
    (told,) = model.run({"spectrogram": planes})
    for number in range(3):
        judge = speech_variants.unpacked(VoiceNet(), number).train()  # norms stay as they are
        judge.net.drop.eval()
        with torch.no_grad():
            found = judge(torch.from_numpy(planes))[0].numpy()
        assert np.abs(found - np.asarray(told)[:, number]).max() < 1e-3


def test_bands_are_weighed_alike_until_it_is_learnt_otherwise() -> None:
    torch.manual_seed(0)
    net, planes = speech_variants.Banded().eval(), torch.randn(2, 2, 256, 98)
    plain = VoiceNet.forward(net, planes)[0]
    assert torch.allclose(net(planes)[0], plain, atol=1e-6)
    torch.nn.init.normal_(net.gate[2].weight)
    assert not torch.equal(net(planes)[0], plain)


def test_a_patch_is_what_its_place_must_tell() -> None:
    """Who knows the level of each band of patches misses nothing, who says nothing misses its square."""
    planes = torch.zeros(4, 2, 256, 98)
    planes[:, 0] = 3.0 + torch.arange(256.0)[:, None] // 32

    class Told(torch.nn.Module):
        share = 1.0

        def forward(self, given):
            return self.share * torch.arange(3.0, 11)[None, None, :, None].expand(4, 256, 8, given.shape[3])

    told = Told()
    assert float(speech_variants.masked(VoiceNet().eval(), told, planes)) == 0
    told.share = 0.0
    assert 9 <= float(speech_variants.masked(VoiceNet().eval(), told, planes)) <= 100
