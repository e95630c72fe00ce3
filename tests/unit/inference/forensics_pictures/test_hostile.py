"""The whole detector on mutated files: a finding each time, never an error, nothing that JSON lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from bonafide.model import Finding, MediaFacts, MediaKind, Operation, Options, WorkItem
from bonafide_inference.detectors.picture_traces.detector import PictureTraces
from bonafide_inference.models import ModelFolder
from bonafide_inference.piece import Piece
from bonafide_inference.registry import DETECTORS, Job
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.inference.forensics_pictures.test_metadata import RICH, mutated

OPTIONS = Options(visualize=False)


@pytest.mark.parametrize("form", sorted(RICH))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_files_have_findings(tmp_path: Path, form: str, seed: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(mutated(RICH[form], seed))
    media = MediaFacts(
        kind=MediaKind.IMAGE, format=form, mime="image/x", bytes=path.stat().st_size, sha256="0" * 64,
        width=200, height=200,
    )  # fmt: skip
    item = WorkItem(id="i", detector="image", operations=(Operation.FILE_FORENSICS,))
    folder = ModelFolder.read(f"{DETECTORS}/picture_traces", shipped=True)
    job = Job(
        path=str(path), media=media, options=OPTIONS, window=None, channel=None, workdir=str(tmp_path),
        manifest=folder.manifest, folder=folder.path, piece=Piece(str(path), media, item, OPTIONS),
    )  # fmt: skip
    found = PictureTraces().score(job)
    assert Finding.model_validate(found.model_dump()).operation is Operation.FILE_FORENSICS
