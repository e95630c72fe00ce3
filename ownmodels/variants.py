"""What happens to media on their way: the changes under which a card says whether the model still works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ownmodels.hostile import cell

__all__ = ["CHANGES", "PICTURES", "SOUND", "VIDEO", "vary", "vary_task"]

PICTURES = ("jpeg_90", "jpeg_70", "half_size", "crop_80")
SOUND = ("mp3_64k", "telephone_band", "noise_20_db")
VIDEO = ("h264_crf_23", "h264_crf_35", "video_half_size", "video_crop_80")
CHANGES: dict[str, tuple[str, ...]] = {"image": PICTURES, "audio": SOUND, "video": VIDEO}
"""By kind of detector (`folder` lets no other be)."""
_SECONDS = {"image": 60.0, "audio": 60.0, "video": 240.0}
_FRAME_PIXELS = 1920 * 1088
_MADE = {change: kind for kind, changes in CHANGES.items() for change in changes}


def vary(path: Path, name: str, target: Path) -> bool:
    """Write a changed copy of ``path`` to ``target``, in the cell; False if it cannot be decoded."""
    args = {"path": str(path.absolute()), "name": name, "target": str(target.absolute())}
    return bool(cell().run("vary", args, seconds=_SECONDS[_MADE[name]], memory_mb=2048)["ok"])


def vary_task(args: dict[str, Any]) -> bool:
    """In the cell: decode, change, encode."""
    make = {"image": _picture, "audio": _sound, "video": _video}[_MADE[args["name"]]]
    make(args["path"], args["name"], args["target"])
    return True


def _picture(path: str, name: str, target: str) -> None:
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    if name.startswith("jpeg_"):
        image.save(target, "JPEG", quality=int(name.removeprefix("jpeg_")))
        return
    width, height = image.size
    if name == "half_size":
        image = image.resize((max(32, width // 2), max(32, height // 2)), Image.Resampling.BICUBIC)
    else:
        left, top = width // 10, height // 10
        image = image.crop((left, top, width - left, height - top))
    image.save(target, "PNG", compress_level=1)


def _sound(path: str, name: str, target: str) -> None:
    import numpy as np

    rate = 8000 if name == "telephone_band" else 16000
    sound = _decoded(path, rate)
    if name == "noise_20_db":
        power = float(np.mean(sound**2))
        sound = sound + np.random.default_rng(7).normal(0, np.sqrt(power / 100), sound.size).astype(
            np.float32
        )
    codec: dict[str, tuple[str, str]] = {
        "mp3_64k": ("libmp3lame", "mp3"),
        "telephone_band": ("pcm_mulaw", "wav"),
    }
    _encode(target, sound, rate, *codec.get(name, ("pcm_s16le", "wav")))


def _decoded(path: str, rate: int) -> Any:
    import av
    import numpy as np

    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(path) as container:
        parts = [
            part.to_ndarray().ravel()
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    parts += [part.to_ndarray().ravel() for part in resampler.resample(None)]
    return np.nan_to_num(np.concatenate(parts)).astype(np.float32)


def _encode(target: str, sound: Any, rate: int, codec: str, container: str) -> None:
    import av
    import numpy as np

    plain = (np.clip(sound, -1, 1) * 32767).astype(np.int16)[None, :]
    with av.open(target, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate, layout="mono")
        if container == "mp3":
            stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(plain), format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.format.name,
            layout="mono",
            rate=rate,
            frame_size=stream.codec_context.frame_size or 0,
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))


def _video(path: str, name: str, target: str) -> None:
    """Encode the frames again, at their times and without the sound: a change of frames changes those only.

    A single encoder thread: with several, the pixels depend on the machine.
    """
    import av
    from bonafide_inference.frames import Scaler

    quality = name.removeprefix("h264_crf_") if name.startswith("h264_crf_") else "18"
    with av.open(path) as source, av.open(target, "w", format="mp4") as file:
        track = source.streams.video[0]
        track.thread_type = "AUTO"
        upright = Scaler(_FRAME_PIXELS, float(track.sample_aspect_ratio or 1))
        stream: Any = None
        for frame in source.decode(track):
            rgb = _framed(upright(frame), name)
            if stream is None:
                options = {"crf": quality, "preset": "veryfast", "threads": "1"}
                stream = file.add_stream("libx264", rate=track.average_rate or 25, options=options)
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.time_base = stream.codec_context.time_base = track.time_base
            made = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            made.pts, made.time_base = frame.pts, track.time_base
            file.mux(stream.encode(made))
        file.mux(stream.encode(None))


def _framed(rgb: Any, name: str) -> Any:
    """The frame resized or cropped where ``name`` says so, to even sides (what 4:2:0 can hold)."""
    import numpy as np
    from PIL import Image

    if name == "video_half_size":
        height, width = (max(32, side // 2) for side in rgb.shape[:2])
        rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))
    if name == "video_crop_80":
        top, left = rgb.shape[0] // 10, rgb.shape[1] // 10
        rgb = rgb[top : rgb.shape[0] - top, left : rgb.shape[1] - left]
    height, width = (side // 2 * 2 for side in rgb.shape[:2])
    return np.ascontiguousarray(rgb[:height, :width])
