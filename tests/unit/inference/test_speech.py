"""The front end of the speech detectors: what is heard of any sound, and why bad sound is not scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bonafide.model import MediaFacts, Operation, Options, Outcome, Window, WorkItem
from bonafide_inference.inspect import inspect
from bonafide_inference.models import ModelError, bundled, session
from bonafide_inference.piece import Piece
from bonafide_inference.soundstats import Meter
from bonafide_inference.speech import RATE_HZ, Limits, Speech
from bonafide_inference.vad import _FILE, _SHA256, FRAME, Vad, _session, stretches

from benchmarks import speech_gates
from tests.unit.inference import makers
from tests.unit.inference.makers import voice, wav
from training.speech_material import heard as as_heard

VOICE = voice(6)
ASKS = Limits()
NOISY = np.pad(VOICE, RATE_HZ) + 0.7 * makers.noise(8, rate=RATE_HZ)


def listen(
    path: Path, data: bytes | None = None, channel: int | None = 0, window: Window | None = None,
    **options: object,
) -> Speech:  # fmt: skip
    if data is not None:
        path.write_bytes(data)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(
        id="a", detector="audio", operations=(Operation.SYNTHETIC_SPEECH,), window=window, channel=channel
    )
    return Piece(str(path), media, item, Options.model_validate(options)).speech()


def reason(speech: Speech, limits: Limits = ASKS) -> str | None:
    gate = speech.gate(limits)
    return gate.reason if gate else None


class TestWhatIsHeard:
    def test_a_voice(self, tmp_path: Path) -> None:
        heard = listen(tmp_path / "x", wav(VOICE))
        assert reason(heard) is None
        assert heard.samples.dtype == np.float32
        assert heard.seconds == pytest.approx(6, abs=0.01)
        assert 5 < heard.speech_s <= 6
        assert heard.stats.snr_db is None or heard.stats.snr_db > 3
        assert heard.start_s == 0
        assert all(a < b for a, b in heard.segments)

    @pytest.mark.parametrize(
        ("name", "codec", "rate"),
        [("x.mp3", "libmp3lame", 44_100), ("x.m4a", "aac", 48_000), ("x.ogg", "libopus", 48_000),
         ("x.flac", "flac", 22_050), ("x.wav", "pcm_s24le", 192_000), ("x.webm", "libopus", 48_000)],
    )  # fmt: skip
    def test_of_any_codec_and_rate(self, tmp_path: Path, name: str, codec: str, rate: int) -> None:
        heard = listen(makers.sound(tmp_path / name, codec, voice(6, rate=rate), rate))
        assert reason(heard) is None
        assert heard.seconds == pytest.approx(6, abs=0.1)
        assert heard.stats.rate_hz == rate

    def test_resampling_keeps_the_sound(self, tmp_path: Path) -> None:
        moments = np.arange(44_100 * 2) / 44_100
        heard = listen(tmp_path / "x", wav((0.5 * np.sin(2 * np.pi * 440 * moments)).astype("f4"), 44_100))
        expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(heard.samples.size) / RATE_HZ)
        middle = slice(4000, 28_000)
        assert np.abs(heard.samples[middle] - expected[middle]).max() < 0.01

    @pytest.mark.parametrize(
        ("codec", "step"), [("pcm_u8", 2**-7), ("pcm_s16le", 2**-15), ("pcm_s24le", 2**-23),
                            ("pcm_s32le", 2**-31), ("pcm_f32le", 0), ("pcm_f64le", 0), ("flac", 2**-15)],
    )  # fmt: skip
    def test_samples_are_as_stored(self, tmp_path: Path, codec: str, step: float) -> None:
        kind = "flac" if codec == "flac" else "wav"
        heard = listen(makers.sound(tmp_path / f"x.{kind}", codec, VOICE, RATE_HZ))
        assert heard.samples.size == VOICE.size
        assert np.abs(heard.samples - (VOICE - VOICE.mean())).max() <= step + 2**-15

    def test_decoded_once(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(wav(VOICE))
        media = inspect(str(tmp_path / "x"))
        assert isinstance(media, MediaFacts)
        item = WorkItem(id="a", detector="audio", operations=(Operation.AUDIO_SPLICE,), channel=0)
        piece = Piece(str(tmp_path / "x"), media, item, Options())
        assert piece.speech() is piece.speech()

    def test_a_stretch_of_it(self, tmp_path: Path) -> None:
        quiet = np.zeros(RATE_HZ * 20, np.float32)
        sound = np.concatenate((quiet, VOICE, quiet))
        for heard in (
            listen(tmp_path / "x", wav(sound), start_s=18, end_s=30),
            listen(tmp_path / "x", wav(sound), window=Window(start_s=18, end_s=30)),
        ):
            assert heard.start_s == pytest.approx(18, abs=0.01)
            assert heard.seconds == pytest.approx(12, abs=0.01)
            assert 19.5 < heard.segments[0][0] < 21.5
            assert heard.segments[-1][1] < 26.5

    def test_windows_hold_speech(self, tmp_path: Path) -> None:
        sound = np.concatenate((VOICE, np.zeros(RATE_HZ * 10, np.float32), VOICE))
        heard = listen(tmp_path / "x", wav(sound))
        windows = list(heard.windows(2))
        assert [round(w.start_s) for w in windows] == [0, 2, 4, 16, 18, 20]
        assert all(w.samples.size == 2 * RATE_HZ and w.speech_share > 0.25 for w in windows)
        assert len(list(heard.windows(2, hop_s=1))) > len(windows)
        (short,) = listen(tmp_path / "y", wav(VOICE[: RATE_HZ * 3])).windows(4)
        assert short.samples.size == RATE_HZ * 3
        assert heard.voiced(5).size == 5 * RATE_HZ

    def test_the_last_window_is_whole(self, tmp_path: Path) -> None:
        windows = list(listen(tmp_path / "x", wav(VOICE[: RATE_HZ * 5])).windows(2))
        assert [w.end_s - w.start_s for w in windows] == [2, 2, 2]
        assert windows[-1].end_s == pytest.approx(5)


class TestChannels:
    def test_each_by_itself(self, tmp_path: Path) -> None:
        both = np.stack((VOICE, np.zeros_like(VOICE)))
        (tmp_path / "x").write_bytes(wav(both))
        assert reason(listen(tmp_path / "x", channel=0)) is None
        assert reason(listen(tmp_path / "x", channel=1)) == "silence"
        assert reason(listen(tmp_path / "x", channel=2)) == "no_such_channel"

    def test_mixed(self, tmp_path: Path) -> None:
        three = np.stack((VOICE, np.full_like(VOICE, 0.25), -VOICE))
        (tmp_path / "x").write_bytes(wav(three))
        assert reason(listen(tmp_path / "x", channel=None)) == "dc_only"
        own = listen(tmp_path / "x", channel=None, channels=(0,), mix_channels=True)
        assert reason(own) is None
        assert float(np.abs(own.samples - (VOICE - VOICE.mean())).max()) < 1e-4

    def test_twins_are_analysed_once(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(wav(np.stack((VOICE, 0.5 * VOICE, voice(6, seed=3)))))
        assert reason(listen(tmp_path / "x", channel=0)) is None
        gate = listen(tmp_path / "x", channel=1).gate()
        assert gate is not None
        assert (gate.outcome, gate.reason) == (Outcome.NOT_APPLICABLE, "same_as_channel")
        assert reason(listen(tmp_path / "x", channel=2)) is None
        assert reason(listen(tmp_path / "x", channel=1, channels=(1, 2))) is None  # nobody looks at 0

    def test_twins_after_a_lossy_codec(self, tmp_path: Path) -> None:
        path = makers.sound(tmp_path / "x.mp3", "libmp3lame", np.stack([voice(6, rate=44_100)] * 2))
        assert listen(path, channel=1).same_as == 0

    def test_twenty_four(self, tmp_path: Path) -> None:
        sound = np.stack([np.zeros_like(VOICE)] * 23 + [VOICE])
        assert reason(listen(tmp_path / "x", wav(sound), channel=23)) is None
        assert listen(tmp_path / "x", channel=5).stats.channels == 24

    def test_five_and_a_bass(self, tmp_path: Path) -> None:
        sound = np.stack([voice(4, rate=48_000)] + [makers.noise(4, seed=n, rate=48_000) for n in range(5)])
        assert listen(makers.sound(tmp_path / "x.m4a", "aac", sound, 48_000)).stats.channels == 6


def tones(*hertz: float, seconds: float = 8, rate: int = RATE_HZ) -> np.ndarray:
    moments = np.arange(int(seconds * rate)) / rate
    return (0.3 / len(hertz) * sum(np.sin(2 * np.pi * f * moments) for f in hertz)).astype(np.float32)


def music(seconds: float = 12) -> np.ndarray:
    """Chords of four notes with overtones, half a second each."""
    rng = np.random.default_rng(4)
    chords = []
    for root in rng.integers(45, 58, int(seconds * 2)):
        notes = [440 * 2 ** ((root + step - 69) / 12) for step in (0, 4, 7, 12)]
        chord = tones(*(n * k for n in notes for k in (1, 2, 3, 4)), seconds=0.5)
        chords.append(chord * np.linspace(1, 0.5, chord.size))
    return np.concatenate(chords).astype(np.float32)


class TestBadSound:
    """Each with a reason of its own, and none with a score."""

    @pytest.mark.parametrize(
        ("sound", "expected"),
        [
            (np.zeros(RATE_HZ * 5), "silence"),
            (makers.noise(5, rate=RATE_HZ) * 1e-4, "silence"),
            (np.full(RATE_HZ * 5, 0.4), "dc_only"),
            (tones(440), "tone"),
            (makers.noise(6, rate=RATE_HZ), "noise"),
            (music(), "music"),
            (VOICE[: 2 * RATE_HZ], "too_little_speech"),
            (np.full(RATE_HZ * 5, np.nan), "non_finite_samples"),
            (np.where(np.arange(VOICE.size) % 50, VOICE, np.inf), "non_finite_samples"),
            (VOICE * 32_768, "out_of_scale"),
            (np.clip(VOICE * 8, -0.9, 0.9), "clipped"),
            (NOISY, "low_snr"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_has_its_reason(self, tmp_path: Path, sound: np.ndarray, expected: str) -> None:
        heard = listen(tmp_path / "x", wav(sound.astype(np.float32)))
        gate = heard.gate()
        assert gate is not None
        assert (gate.reason, gate.outcome) == (expected, Outcome.INCONCLUSIVE)
        finding = gate.finding(Operation.SYNTHETIC_SPEECH, heard)
        assert finding.p_fake is None
        assert finding.channel == 0
        assert np.isfinite(heard.samples).all()

    def test_a_few_bad_samples_are_no_reason(self, tmp_path: Path) -> None:
        sound = VOICE.copy()
        sound[1000:1010] = np.nan
        heard = listen(tmp_path / "x", wav(sound))
        assert reason(heard) is None
        assert heard.stats.non_finite_share > 0

    def test_dc_is_removed(self, tmp_path: Path) -> None:
        heard = listen(tmp_path / "x", wav(VOICE + np.float32(0.3)))
        assert reason(heard) is None
        assert heard.stats.dc == pytest.approx(0.3, abs=0.01)
        assert abs(float(heard.samples.mean())) < 1e-3

    def test_narrow_band(self, tmp_path: Path) -> None:
        heard = listen(tmp_path / "x", wav(voice(6, rate=8000), 8000))
        assert reason(heard) == "narrow_band"
        assert heard.stats.bandwidth_hz <= 4200
        assert reason(heard, Limits(bandwidth_hz=0)) is None

    def test_truncated(self, tmp_path: Path) -> None:
        whole = makers.sound(tmp_path / "x.mp3", "libmp3lame", np.tile(voice(6, rate=44_100), 2)).read_bytes()
        heard = listen(tmp_path / "y.mp3", whole[: len(whole) // 2])
        assert 5 < heard.seconds < 7
        assert reason(heard) is None

    @pytest.mark.parametrize("says", [0, 1000, 10**9, 2**32 - 1])
    def test_a_header_that_lies(self, tmp_path: Path, says: int) -> None:
        (tmp_path / "x").write_bytes(wav(VOICE, says=says))
        if isinstance(inspect(str(tmp_path / "x")), MediaFacts):
            assert listen(tmp_path / "x").seconds <= 6.01

    def test_nothing_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(wav(VOICE[:0]))
        refusal = inspect(str(tmp_path / "x"))
        assert not isinstance(refusal, MediaFacts)
        assert refusal.code == "empty_file"

    def test_nothing_in_the_stretch(self, tmp_path: Path) -> None:
        heard = listen(tmp_path / "x", wav(VOICE), start_s=30)
        assert reason(heard) == "no_samples"
        assert list(heard.windows(2)) == []


class TestNoise:
    """`snr_db`, which the gate for noise asks for."""

    @pytest.mark.parametrize("decibel", [0, 3, 6, 10, 20, 30])
    def test_is_measured(self, tmp_path: Path, decibel: float) -> None:
        words = VOICE.copy().reshape(-1, RATE_HZ // 2)
        words[::4] = 0  # pauses
        clean, loud = words.ravel(), float(np.mean(words[words.any(axis=1)] ** 2))
        noise = np.random.default_rng(2).normal(0, np.sqrt(loud * 10 ** (-decibel / 10)), clean.size)
        measured = listen(tmp_path / "x", wav((clean + noise).astype(np.float32))).stats.snr_db
        assert measured == pytest.approx(decibel, abs=1.5)

    def test_digital_silence_is_no_quiet_room(self, tmp_path: Path) -> None:
        """Made voices stand on zeros: what is between the words tells nothing of what is in them."""
        noisy = VOICE + 0.3 * makers.noise(6, rate=RATE_HZ)
        gated = noisy.reshape(-1, RATE_HZ // 2).copy()
        gated[::4] = 0
        whole, cut = (
            listen(tmp_path / name, wav(sound.astype(np.float32))).stats.snr_db
            for name, sound in (("x", noisy), ("y", gated.ravel()))
        )
        assert whole is not None and cut is not None
        assert cut == pytest.approx(whole, abs=1.5)

    def test_a_voice_that_is_overheard_is_no_noise(self) -> None:
        """A voice detector that misses some words of a clean voice makes no noise of them."""
        sound = VOICE[: VOICE.size // FRAME * FRAME].reshape(-1, FRAME) * 1.0
        sound[::3] *= 1e-3
        meter, told = Meter(), np.where(np.arange(len(sound)) % 3 == 1, 0.9, 0.05).astype(np.float32)
        meter.frames(sound, told)
        measured = meter.stats().snr_db
        assert measured is not None and measured > 40

    def test_is_unknown_without_a_voice(self) -> None:
        meter = Meter()
        meter.frames(VOICE[: 40 * FRAME].reshape(-1, FRAME), np.zeros(40, np.float32))
        assert meter.stats().snr_db is None


def test_the_benchmark_of_the_gates_hears_what_the_front_end_hears(tmp_path: Path) -> None:
    mine, own = as_heard(VOICE), listen(tmp_path / "x", wav(VOICE))
    assert (mine.segments, mine.gate()) == (own.segments, own.gate())
    assert mine.stats.snr_db == pytest.approx(own.stats.snr_db, abs=0.1)
    versions = list(speech_gates.spoilt(VOICE, np.random.default_rng(1)))
    assert {gate for gate, _, _ in versions} == set(speech_gates.GATES)
    worst = {gate: sound for gate, _, sound in versions}
    assert as_heard(worst["clipped"]).stats.clipped_share > 0.05
    assert as_heard(worst["low_snr"]).stats.snr_db < mine.stats.snr_db
    assert as_heard(worst["narrow_band"]).stats.bandwidth_hz < mine.stats.bandwidth_hz


class TestVoiceDetector:
    def test_blocks_and_one_go_agree(self) -> None:
        frames = VOICE[: VOICE.size // FRAME * FRAME].reshape(-1, FRAME)
        parts = Vad()
        pieces = [parts.feed(frames[a:b]) for a, b in ((0, 1), (1, 50), (50, 50), (50, len(frames)))]
        assert np.allclose(np.concatenate(pieces), Vad().feed(frames), atol=1e-5)

    def test_products_of_matrices_say_what_the_file_says(self) -> None:
        frames = np.pad(VOICE[: VOICE.size // FRAME * FRAME].reshape(-1, FRAME), ((0, 0), (64, 0)))
        given = {"input": frames, "h": np.zeros((1, 1, 128), "f4"), "c": np.zeros((1, 1, 128), "f4")}
        plain = session("plain", bundled("silero-vad", "silero_vad", _FILE, _SHA256), 1)
        for ours, theirs in zip(_session().run(None, given), plain.run(None, given), strict=True):
            assert ours.shape == theirs.shape
            assert np.allclose(ours, theirs, atol=1e-4)

    def test_stretches(self) -> None:
        told = np.repeat(np.array([0.0, 0.9, 0.1, 0.8, 0.0, 0.9, 0.0], "f4"), [10, 20, 5, 20, 40, 4, 10])
        (found,) = stretches(told, pad_s=0)
        assert found == pytest.approx((10 * 0.032, 55 * 0.032))
        assert stretches(np.zeros(0, np.float32)) == []
        assert stretches(np.ones(40, np.float32)) == [(0, 40 * 0.032)]

    def test_another_file_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bonafide_inference.vad._SHA256", "0" * 64)
        _session.cache_clear()
        with pytest.raises(ModelError, match="not the one"):
            Vad()
        _session.cache_clear()
