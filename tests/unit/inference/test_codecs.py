"""Every encoder of sound in this build, put into a container and heard: no list of ours stands between."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.inference import makers
from tests.unit.inference.makers import voice
from tests.unit.inference.test_containers import facts, heard

IN = {
    "nut": """aac ac3 ac3_fixed adpcm_ms adpcm_swf adpcm_yamaha dfpwm eac3 flac g722 libmp3lame mp2 mp2fixed
        mp3 pcm_alaw pcm_f32be pcm_f32le pcm_f64be pcm_f64le pcm_mulaw pcm_s16be pcm_s16be_planar pcm_s16le
        pcm_s16le_planar pcm_s24be pcm_s24le pcm_s24le_planar pcm_s32be pcm_s32le pcm_s32le_planar pcm_s64be
        pcm_s64le pcm_s8 pcm_s8_planar pcm_u16be pcm_u16le pcm_u24be pcm_u24le pcm_u32be pcm_u32le pcm_u8
        vorbis wavpack""",
    "matroska": "libopus opus real_144 tta", "mov": "adpcm_ima_qt alac nellymoser",
    "wav": "adpcm_ima_wav g723_1 g726", "au": "g726le",
    "asf": "wmav1 wmav2", "amr": "libopencore_amrnb", "mpeg": "pcm_dvd",
    "adx": "adpcm_adx", "argo_asf": "adpcm_argo", "alp": "adpcm_ima_alp", "apm": "adpcm_ima_apm",
    "kvag": "adpcm_ima_ssi", "wsaud": "adpcm_ima_ws", "roq": "roq_dpcm",
}  # fmt: skip
"""Muxer → encoders that are tried in it."""
NOWHERE = "adpcm_ima_amv anull aptx aptx_hd comfortnoise pcm_bluray pcm_s24daud pcm_vidc sbc"
"""Encoders that no container of this build carries, or that carry no sound."""
RATES = {"real_144": 8_000, "g723_1": 8_000, "libopencore_amrnb": 8_000, "adpcm_ima_alp": 22_050,
         "roq_dpcm": 22_050, "opus": 48_000, "libopus": 48_000, "pcm_dvd": 48_000}  # fmt: skip


def test_every_encoder_is_in_one_list() -> None:
    here = []
    for name in av.codecs_available:
        try:
            codec = av.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        here += [name] if codec.type == "audio" else []
    assert sorted([*" ".join(IN.values()).split(), *NOWHERE.split()]) == sorted(here)


@pytest.mark.parametrize(
    ("codec", "muxer"), [(codec, muxer) for muxer, codecs in IN.items() for codec in codecs.split()]
)
def test_every_codec_is_heard(tmp_path: Path, codec: str, muxer: str) -> None:
    rate = RATES.get(codec, 44_100)
    spoken = voice(4, rate=rate)
    both = np.stack((spoken, spoken)) if codec == "vorbis" else spoken  # its encoder knows no other
    path = makers.sound(tmp_path / "x", codec, both, rate, muxer)
    assert facts(path).kind == "audio"
    sound = heard(path)
    assert sound.seconds == pytest.approx(4, abs=0.15)
    assert sound.stats.rate_hz == rate
    assert sound.stats.level_dbfs > -40
    assert sound.speech_s > 0.5
