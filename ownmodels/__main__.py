"""The commands behind ``make model-…`` and ``make camera-…``: ``python -m ownmodels add | list | …``.

Arguments come from the environment (MODEL_PATH, DATA, NAME, OPERATION, STACK), as make hands them over. Exit
status: 0 done; 1 refused, with the reason; 2 the command was wrong; 3 the cloud is to blame.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bonafide import clock, own, shelf
from bonafide.errors import BonafideError, Unavailable
from bonafide.model import Operation
from bonafide.own import Index
from bonafide_inference.models import Manifest, ModelFolder
from bonafide_inference.plug import PictureInput, SoundInput

from localcloud import place
from localcloud.cloud import CloudError
from ownmodels import cameras, card, hostile, material, weights
from ownmodels.folder import Refused, complete, write
from ownmodels.measure import Measured, measure

__all__ = ["add", "main", "prepare"]

Environment = Mapping[str, str]


def main(command: str, environment: Environment) -> int:
    """Run one command; returns the exit status."""
    if command not in _COMMANDS:
        print(f"error: one of {', '.join(_COMMANDS)}, not {command!r}", file=sys.stderr)
        return 2
    try:
        return _COMMANDS[command](environment)
    except Refused as error:
        print(f"refused ({error.reason}): {error}", file=sys.stderr)
        return 1
    except (CloudError, Unavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except BonafideError as error:
        print(f"refused ({error.code}): {error.detail}", file=sys.stderr)
        return 1


def _needed(environment: Environment, name: str, example: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise Refused("usage", f"say {example}")
    return value


# ---- add --------------------------------------------------------------------------------------------
def add(environment: Environment) -> int:
    """Check the folder, measure it over DATA, upload it; it runs in shadow from then on."""
    folder = Path(_needed(environment, "MODEL_PATH", "make model-add PATH=<folder> [DATA=<labelled folder>]"))
    data = environment.get("DATA")
    samples = material.read(Path(data)) if data else None
    with tempfile.TemporaryDirectory(prefix="bonafide-model-") as scratch:
        target = Path(scratch, "model")
        manifest, measured = prepare(folder, target, samples)
        where = place.use(environment)
        release = manifest.model_dump(mode="json")
        own.add(shelf.read(), release, now=clock.now())  # says no before anything is uploaded
        shelf.upload(target, manifest.name, manifest.version)
        shelf.write(lambda index: own.add(index, release, now=clock.now()))
        print((target / "card.md").read_text())
    print(f"{manifest.name} {manifest.version} is in {where}, in shadow: shown, not fused.", file=sys.stderr)
    if manifest.calibration is None:
        print("It has no calibration, so it cannot be promoted yet.", file=sys.stderr)
    elif measured:
        print(f"When its card convinces you: make model-promote NAME={manifest.name}", file=sys.stderr)
    return 0


def prepare(
    folder: Path, target: Path, samples: list[material.Sample] | None
) -> tuple[Manifest, Measured | None]:
    """Make the release in ``target``: weights, completed manifest, card. The owner's folder is left alone.

    Raises `Refused` with the reason; see `folder.complete` and `hostile`.
    """
    manifest = complete(folder)
    target.mkdir()
    weights_file = target / "model.onnx"
    shutil.copyfile(folder / "model.onnx", weights_file)
    shape = _shape(manifest)
    print(f"Checking {manifest.name} {manifest.version} …", file=sys.stderr)
    hostile.look(str(weights_file), shape)
    write(target, manifest)
    trial = hostile.try_out(str(target), shape)
    made_up = trial.pop("answers")
    measured = None
    if samples is not None:
        print(f"Measuring over {len(samples)} files …", file=sys.stderr)
        measured = measure(ModelFolder.read(str(target), shipped=False), samples)
        found = {"calibration": measured.calibration, "figures": card.summary(measured, trial)}
        manifest = manifest.model_copy(update=found)
    else:
        manifest = manifest.model_copy(update={"figures": dict(trial)})
    _hears(manifest, made_up > 1, measured)
    write(target, manifest)
    (target / "card.md").write_text(card.card(manifest, trial, measured), "utf-8")
    return manifest, measured


def _hears(manifest: Manifest, made_up: bool, measured: Measured | None) -> None:
    """Refuse (``ignores_input``) what has one answer only: to DATA, else to made-up inputs.

    A sensible model may be sure of all that is made up, and a map's score may be its ceiling in every file.
    """
    if measured is not None and len(measured.scored) > 1 and manifest.entry != "onnx_map":
        if len({one.raw for one in measured.scored}) == 1:
            raise Refused("ignores_input", f"all {len(measured.scored)} files have the very same score")
    elif not made_up:
        raise Refused(
            "ignores_input", "silence, full scale and noise have the same answer; DATA may refute it"
        )


def _shape(manifest: Manifest) -> tuple[int, ...]:
    """Return the shape of the tensor that the detector will give."""
    if manifest.entry == "onnx_audio":
        sound = SoundInput.model_validate(manifest.input)
        samples = round(sound.rate_hz * sound.seconds)
        return (1, 1, samples) if sound.shape == "nct" else (1, samples)
    picture = PictureInput.model_validate(manifest.input)
    size = picture.size
    return (1, 3, size, size) if picture.layout == "nchw" else (1, size, size, 3)


# ---- standing ---------------------------------------------------------------------------------------
def list_(environment: Environment) -> int:
    """Print every model: versions, how it stands, what was measured; then fitted weights."""
    place.use(environment)
    index = shelf.read()
    for name, model in sorted(index.models.items()):
        print(f"{name}  {_standing(model)}")
        for version, release in sorted(model.releases.items()):
            figures = release.manifest.get("figures")
            auc = figures.get("auc") if isinstance(figures, dict) else None
            words = f"AUC {auc}" if auc is not None else "not measured"
            print(f"  {version}  {release.manifest['operation']}  {words}  added {release.added_at:%Y-%m-%d}")
    for fitted in index.weights:
        said = ", ".join(f"{name} {weight:.2f}" for name, weight in fitted.weights.items())
        print(f"weights of {fitted.operation}: {said} (offset {fitted.offset:+.2f})")
    if not index.models:
        print("No models of your own yet: make model-add PATH=<folder>", file=sys.stderr)
    return 0


def _standing(model: own.OwnModel) -> str:
    parts = [f"{word} {version}" for word, version in (
        ("promoted", model.standing.promoted), ("in shadow", model.standing.shadow)) if version]  # fmt: skip
    return ", ".join(parts) or "does not run"


def _stand(change: Callable[[Index, str], Index], command: str) -> Callable[[Environment], int]:
    def run(environment: Environment) -> int:
        name = _needed(environment, "NAME", f"make model-{command} NAME=<model>")
        place.use(environment)
        index = shelf.write(lambda before: change(before, name))
        print(f"{name}: {_standing(index.models[name])}")
        return 0

    return run


# ---- weights ----------------------------------------------------------------------------------------
def weigh(environment: Environment) -> int:
    """Fit the weights of OPERATION's voting models over DATA, and keep those that beat the plain rule."""
    example = "make model-weights OPERATION=<operation> DATA=<labelled folder>"
    operation = _needed(environment, "OPERATION", example)
    if operation not in list(Operation):
        raise Refused("usage", f"OPERATION is one of {', '.join(Operation)}")
    samples = material.read(Path(_needed(environment, "DATA", example)))
    place.use(environment)
    index = shelf.read()
    kinds = {str(m["kind"]) for m, promoted in own.running(index) if promoted and m["operation"] == operation}
    if len(kinds) > 1:
        raise Refused("several_kinds", f"{operation} has models of several kinds: {', '.join(sorted(kinds))}")
    folders = shelf.folders(index, kinds.pop(), [operation]) if kinds else None
    heard = weights.hear(Operation(operation), samples, folders)
    kept = []
    for names, fitted in weights.fit(Operation(operation), heard):
        if isinstance(fitted, str):
            print(f"{' + '.join(names)}: the plain rule stays; {fitted}")
        else:
            kept.append(fitted)
            said = ", ".join(f"{name} {weight:.2f}" for name, weight in fitted.weights.items())
            print(f"{said} (offset {fitted.offset:+.2f}); {fitted.figures}")

    def change(before: Index) -> Index:
        for one in kept:
            before = own.weigh(before, one)
        return before

    if kept:
        shelf.write(change)
    return 0


_COMMANDS: dict[str, Callable[[Environment], int]] = {
    "add": add,
    "list": list_,
    "promote": _stand(own.promote, "promote"),
    "demote": _stand(own.demote, "demote"),
    "rollback": _stand(own.rollback, "rollback"),
    "remove": _stand(own.remove, "remove"),
    "weights": weigh,
    "camera-add": cameras.add,
    "camera-list": cameras.list_,
    "camera-remove": cameras.remove,
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "", os.environ))
