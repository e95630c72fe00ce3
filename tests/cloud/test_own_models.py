"""An owner's model in the embedded cloud: real commands of make, real roles, real functions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from localcloud.cloud import ROOT
from tests.helpers.cloud import Api, Cloud
from tests.helpers.media import jpeg
from tests.unit.ownmodels import making
from tests.workflow.test_own_models import PLATT

WISH = {"operations": "lip_sync"}


def own(cloud: Cloud, module: str, *words: str, **said: str) -> str:
    """Run a command as make does, against this cloud."""
    path = os.pathsep.join(str(ROOT / part) for part in ("layers/core", "layers/inference", "."))
    environment = os.environ | said | {
        "PYTHONPATH": path, "BONAFIDE_LOCAL": str(cloud.local.root)
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, env=environment, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_shadow_promoted_rolled_back_replayed(cloud: Cloud, api: Api, tmp_path: Path) -> None:
    place = making.model(tmp_path / "a model", name="cloud_test", calibration=PLATT)
    assert "Not measured" in own(cloud, "ownmodels", "add", MODEL_PATH=str(place))
    try:
        (shadow,) = api.finished(api.inline(jpeg(seed=11), "a.jpg", **WISH))["results"]
        assert (shadow["reason"], shadow["p_fake"]) == ("only_in_shadow", None)
        assert [(v["model"], v["shadow"], v["outcome"]) for v in shadow["voices"]] == [
            ("cloud_test", True, "scored")
        ]
        listed = [m for m in api("GET", "/v1/models").json["data"] if m["name"] == "cloud_test"]
        assert [(m["shadow"], m["calibrated"]) for m in listed] == [(True, True)]

        assert "promoted 1.0.0" in own(cloud, "ownmodels", "promote", NAME="cloud_test")
        (fused,) = api.finished(api.inline(jpeg(seed=11), "b.jpg", **WISH))["results"]
        assert (fused["outcome"], fused["p_fake"]) == ("scored", shadow["voices"][0]["p_fake"])
        assert "promoted 1.0.0" in own(cloud, "ownmodels", "list")

        replayed = own(cloud, "localcloud.replay", TENANT=api.tenant, POLICY="harsh:0.51:0.5:uncertain")
        assert "of 2 verdicts would be others" in replayed

        own(cloud, "ownmodels", "rollback", NAME="cloud_test")
        (again,) = api.finished(api.inline(jpeg(seed=11), "c.jpg", **WISH))["results"]
        assert again["reason"] == "only_in_shadow"
    finally:
        own(cloud, "ownmodels", "remove", NAME="cloud_test")
    (gone,) = api.finished(api.inline(jpeg(seed=11), "d.jpg", **WISH))["results"]
    assert gone["reason"] == "no_detector"
