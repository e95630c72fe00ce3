"""Media made on the spot, the same each time: what the measurements (and the cloud tests) run on.

A photograph-like JPEG of a wanted size, speech-like MP3, a moving MP4 with sound, a PDF of many pages
with a second revision. They need no corpus and carry nothing of anybody.
"""

from __future__ import annotations

import io
import zlib
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["jpeg", "mp3", "mp4", "pdf", "scene", "speech", "voice"]

RATE_HZ = 44_100
FPS = 30


def scene(width: int, height: int, *, seed: int = 1) -> NDArray[np.uint8]:
    """Return a picture (height × width × 3) with coarse shapes, fine texture and the noise of a sensor."""
    dice = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells, weight in ((12, 110.0), (60, 40.0), (240, 20.0)):
        grid = dice.integers(0, 255, (cells * 3 // 4, cells, 3), dtype=np.uint8)
        large = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(large, dtype=np.float64) / 255 * weight
    total += dice.normal(40, 4, total.shape)
    return np.clip(total, 0, 255).astype(np.uint8)


def jpeg(size: int = 1_000_000, *, width: int = 2400, height: int = 1800, seed: int = 1) -> bytes:
    """Return a JPEG that comes as near to ``size`` bytes as its quality setting allows."""
    picture = Image.fromarray(scene(width, height, seed=seed))
    low, high, best = 20, 97, b""
    while low <= high:
        quality = (low + high) // 2
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        found = out.getvalue()
        if not best or abs(len(found) - size) < abs(len(best) - size):
            best = found
        low, high = (quality + 1, high) if len(found) < size else (low, quality - 1)
    return best


def speech(seconds: float, *, rate_hz: int = RATE_HZ, seed: int = 1) -> NDArray[np.int16]:
    """Return mono sound with a voice's pitch, formants, pauses and breath; no words."""
    dice = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * time) + 10 * np.sin(2 * np.pi * 2.3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    voice = sum(np.sin(n * phase) / n ** (1.1 if n < 8 else 1.6) for n in range(1, 40))
    syllables = np.clip(np.sin(2 * np.pi * 1.9 * time) + 0.4, 0, 1)
    sound = 0.25 * voice * syllables + dice.normal(0, 0.02, time.shape)
    samples: NDArray[np.int16] = (np.clip(sound / np.abs(sound).max(), -1, 1) * 28_000).astype(np.int16)
    return samples


VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""Formants in Hz (Peterson & Barney 1952, men)."""


def voice(seconds: float, seed: int = 1, rate: int = 16_000, pitch_hz: float = 110.0) -> NDArray[np.float32]:
    """Babble that a voice detector takes for speech: vowels of a gliding pitch, four a second, float32."""
    rng = np.random.default_rng(seed)
    count, hop = int(seconds * rate), rate // 4
    syllables = -(-count // hop) + 1
    moments = np.arange(count) / hop
    glide = np.interp(moments, np.arange(syllables), pitch_hz * rng.uniform(0.85, 1.2, syllables))
    phase = 2 * np.pi * np.cumsum(glide) / rate
    places = np.array(VOWELS)[rng.integers(0, len(VOWELS), syllables)]
    formants = [np.interp(moments, np.arange(syllables), places[:, n]) for n in range(3)]
    sound = np.zeros(count)
    for k in range(1, min(60, int(rate / 2 / (pitch_hz * 1.25)))):
        hertz = k * glide
        gain = sum(w / (1 + ((hertz - f) / 70) ** 2) for f, w in zip(formants, (1, 0.5, 0.25), strict=True))
        sound += (gain + 0.002) * np.sin(k * phase) / k**0.3
    beat = np.clip(np.sin(np.pi * (moments % 1)) * 1.4, 0, 1) ** 0.7
    hiss = rng.normal(0, 0.004, count)
    sound = sound * beat * rng.uniform(0.6, 1, syllables)[moments.astype(int)]
    return np.asarray(0.3 * sound / np.abs(sound).max() + hiss, np.float32)


def mp3(seconds: float = 30, *, bit_rate: int = 128_000, seed: int = 1) -> bytes:
    """Return an MP3 of `speech`."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=RATE_HZ, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(speech(seconds, seed=seed)[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        _encode_sound(file, stream, frame)
    return out.getvalue()


def mp4(seconds: float = 10, *, width: int = 1920, height: int = 1080, seed: int = 1) -> bytes:
    """Return an MP4 (H.264 and AAC, 30 frames a second): a slow pan over `scene`."""
    out = io.BytesIO()
    wide = scene(width + 256, height + 64, seed=seed)
    with av.open(out, "w", format="mp4") as file:
        picture = file.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "26"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        sound = file.add_stream("aac", rate=RATE_HZ, layout="mono")
        for number in range(round(seconds * FPS)):
            x, y = number % 256, number // 8 % 64
            view = np.ascontiguousarray(wide[y : y + height, x : x + width])
            shown = av.VideoFrame.from_ndarray(view, format="rgb24")
            shown.pts, shown.time_base = number, Fraction(1, FPS)
            file.mux(picture.encode(shown))
        file.mux(picture.encode(None))
        heard = av.AudioFrame.from_ndarray(speech(seconds, seed=seed)[None, :], format="s16", layout="mono")
        heard.sample_rate = RATE_HZ
        _encode_sound(file, sound, heard)
    return out.getvalue()


def _encode_sound(file: av.container.OutputContainer, stream: av.AudioStream, frame: av.AudioFrame) -> None:
    resampler = av.AudioResampler(stream.codec_context.format, "mono", RATE_HZ, frame_size=1024)
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        file.mux(stream.encode(piece))
    file.mux(stream.encode(None))


def pdf(pages: int = 20, *, revisions: int = 2, seed: int = 1) -> bytes:
    """Return a PDF with text and a picture on each page; each later revision is an incremental update."""
    dice = np.random.default_rng(seed)
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (pages, b" ".join(b"%d 0 R" % (5 + 3 * n) for n in range(pages))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        _info(0),
    ]
    for number in range(pages):
        words = b" ".join(bytes(dice.integers(97, 123, 6, dtype=np.uint8)) for _ in range(300))
        lines = b"".join(b"(%s) Tj T*\n" % words[at : at + 84] for at in range(0, len(words), 84))
        text = b"BT /F1 10 Tf 12 TL 50 780 Td\n%sET\nq 200 0 0 150 50 80 cm /I1 Do Q\n" % lines
        picture = zlib.compress(scene(160, 120, seed=seed + number).tobytes(), 6)
        first = 5 + 3 * number
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources "
            b"<< /Font << /F1 3 0 R >> /XObject << /I1 %d 0 R >> >> >>" % (first + 1, first + 2),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
            b"<< /Type /XObject /Subtype /Image /Width 160 /Height 120 /ColorSpace /DeviceRGB "
            b"/BitsPerComponent 8 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
            % (len(picture), picture),
        ]
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    previous = _write(out, dict(enumerate(objects, 1)), len(objects) + 1, None)
    for number in range(1, revisions):
        previous = _write(out, {4: _info(number)}, len(objects) + 1, previous)
    return bytes(out)


def _info(revision: int) -> bytes:
    return b"<< /Producer (Bonafide) /CreationDate (D:20250101120000Z) /ModDate (D:2025010%d130000Z) >>" % (
        revision + 1
    )


def _write(out: bytearray, objects: dict[int, bytes], size: int, previous: int | None) -> int:
    """Append objects, their cross-reference table and a trailer; returns where the table begins."""
    places = {}
    for number, content in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n"
    if previous is None:
        out += b"0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    before = b"" if previous is None else b" /Prev %d" % previous
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        before,
        start,
    )
    return start
