"""Every recipe with a small random model of its very architecture: exported by the recipe, added by
``make model-add``'s own code, and giving in a detector what the library's own pipeline gives in torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bonafide_inference.models import ModelFolder
from PIL import Image

from ownmodels import material, measure
from ownmodels.__main__ import prepare
from tests.unit.inference import makers
from tests.unit.ownmodels import making

torch = pytest.importorskip("torch", reason="requirements/recipes.txt is not installed (make test-recipes)")
timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

from tests.recipes.aasist import AasistLike  # noqa: E402  # needs torch
from training.recipes import Facts, pictures, speech  # noqa: E402

pytestmark = pytest.mark.recipes

PICTURE, SPEECH = "synthetic_image", "synthetic_speech"
Expected = Callable[[Path], float]


def facts(operation: str) -> Facts:
    return Facts("recipe", "A recipe", operation, "Apache-2.0", "random weights, made by a test")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(7)
    torch.set_num_threads(1)


def odds(logits: Any, fake: int) -> float:
    """Log-odds of one class under a softmax."""
    share = torch.softmax(logits.double().ravel(), 0)[fake]
    return float(torch.log(share) - torch.log1p(-share))


def timm_cnn(target: Path) -> Expected:
    model = timm.create_model("resnet10t", pretrained=False, num_classes=2).eval()
    pictures.timm_model(model, target, facts(PICTURE), fake_index=1)
    change = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)

    def expected(path: Path) -> float:
        with torch.no_grad():
            return odds(model(change(Image.open(path).convert("RGB"))[None]), 1)

    return expected


def timm_one_logit(target: Path) -> Expected:
    model = timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=1).eval()
    pictures.timm_model(model, target, facts(PICTURE))
    change = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)

    def expected(path: Path) -> float:
        with torch.no_grad():
            return float(model(change(Image.open(path).convert("RGB"))[None]))

    return expected


def clip(target: Path) -> Expected:
    config = transformers.CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        projection_dim=24,
    )
    encoder = transformers.CLIPVisionModelWithProjection(config).eval()
    processor = clip_processor()
    weights = torch.randn(24).tolist()
    pictures.clip_probe(encoder, processor, weights, 0.25, target, facts(PICTURE), normalise=True)

    def expected(path: Path) -> float:
        pixels = processor(images=Image.open(path).convert("RGB"), return_tensors="pt").pixel_values
        with torch.no_grad():
            features = encoder(pixel_values=pixels).image_embeds
        return float((features / features.norm()) @ torch.tensor(weights) + 0.25)

    return expected


def clip_processor() -> Any:
    from transformers.models.clip import image_processing_pil_clip as of_clip

    return of_clip.CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64})


def vit(target: Path) -> Expected:
    from transformers.models.vit import image_processing_pil_vit as of_vit

    config = transformers.ViTConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        id2label={0: "artificial", 1: "human"},
        label2id={"artificial": 0, "human": 1},
    )
    model = transformers.ViTForImageClassification(config).eval()
    processor = of_vit.ViTImageProcessorPil(size={"height": 64, "width": 64})
    pictures.vit_classifier(model, processor, target, facts(PICTURE), fake="artificial")

    def expected(path: Path) -> float:
        pixels = processor(images=Image.open(path).convert("RGB"), return_tensors="pt").pixel_values
        with torch.no_grad():
            return odds(model(pixel_values=pixels).logits, 0)

    return expected


def heard(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as file:
        parts = [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
    return (np.concatenate(parts) / 32768).astype(np.float32)


def aasist(target: Path) -> Expected:
    model = AasistLike().eval()
    speech.waveform_model(model, target, facts(SPEECH))

    def expected(path: Path) -> float:
        sound = np.tile(heard(path), 9)[: speech.AASIST_SAMPLES]  # the authors' own `pad`
        with torch.no_grad():
            return odds(model(torch.from_numpy(sound)[None])[1], 0)

    return expected


def wav2vec(target: Path) -> Expected:
    config = transformers.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16, 16, 16),
        conv_stride=(5, 4, 4),
        conv_kernel=(10, 8, 4),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        classifier_proj_size=16,
        id2label={0: "real", 1: "spoof"},
        label2id={"real": 0, "spoof": 1},
        attn_implementation="eager",
    )
    model = transformers.Wav2Vec2ForSequenceClassification(config).eval()
    extractor = transformers.Wav2Vec2FeatureExtractor()
    speech.wav2vec_classifier(model, extractor, target, facts(SPEECH), fake="spoof", seconds=1.0)

    def expected(path: Path) -> float:
        values = extractor(heard(path)[:16_000], sampling_rate=16_000, return_tensors="pt").input_values
        with torch.no_grad():
            return odds(model(input_values=values).logits, 1)

    return expected


def recording(path: Path, hertz: float, seconds: float = 1.0) -> Path:
    t = np.arange(int(16_000 * seconds)) / 16_000
    noise = np.random.default_rng(int(hertz)).normal(0, 0.05, t.size)
    sound = (0.4 * np.sin(2 * np.pi * hertz * t) + noise).astype(np.float32)
    return makers.sound(path, "pcm_s16le", sound, rate=16_000)


def of_sound(place: Path) -> Path:
    for label, base in (("genuine", 200), ("spoof", 400)):
        for source in ("a", "b"):
            (place / label / f"{label}_{source}").mkdir(parents=True)
            for number in range(2):
                recording(
                    place / label / f"{label}_{source}" / f"{number}.wav",
                    base + 37 * number + 11 * ord(source),
                )
    return place


@pytest.mark.parametrize("recipe", [timm_cnn, timm_one_logit, clip, vit, aasist, wav2vec])
def test_a_recipe_exports_what_the_library_computes(
    recipe: Callable[[Path], Expected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "MOST_CHANGED", 1)
    expected = recipe(tmp_path / "own")
    sound = recipe in (aasist, wav2vec)
    data = of_sound(tmp_path / "data") if sound else making.pictures(tmp_path / "data", 2)
    samples = material.read(data)
    made, measured = prepare(tmp_path / "own", tmp_path / "made", samples)
    assert measured is not None and len(measured.scored) == len(samples)
    for one in measured.scored:
        assert one.raw == pytest.approx(expected(one.sample.path), abs=2e-3)
    assert len({round(one.raw, 6) for one in measured.scored}) > 1
    card = (tmp_path / "made" / "card.md").read_text()
    assert "AUC" in card and ("mp3_64k" if sound else "jpeg_70") in card
    assert ModelFolder.read(str(tmp_path / "made"), shipped=False).manifest == made
