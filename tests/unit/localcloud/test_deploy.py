"""Image functions become zip functions, those behind an API get more time, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcloud.cloud import ROOT, CloudError, LocalCloud
from localcloud.deploy import assemble, copies, digest, load_template, local_parameters, localize

DOCKERFILE = """
# syntax=docker/dockerfile:1
ARG BASE=public.ecr.aws/lambda/python:3.13
FROM ${BASE} AS build
COPY layers/core/requirements.txt /tmp/core.txt
COPY everything ${LAMBDA_TASK_ROOT}/
FROM ${BASE}
ARG FUNCTION=none
COPY --from=build /opt /opt
COPY --chown=root:root layers/core/bonafide \\
     ${LAMBDA_TASK_ROOT}/bonafide
COPY layers/inference/bonafide_inference $LAMBDA_TASK_ROOT/bonafide_inference/
COPY functions/${FUNCTION}/ ${LAMBDA_TASK_ROOT}/
COPY extra.txt functions/entry.sh ./
COPY layers/inference/requirements.txt /tmp/
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "layers/core/bonafide/model.py",
        "layers/core/bonafide/store/table.py",
        "layers/core/bonafide/__pycache__/model.cpython-311.pyc",
        "layers/inference/bonafide_inference/registry.py",
        "functions/inspect/handler.py",
        "functions/inspect/native/deep.py",
        "functions/other/handler.py",
        "functions/entry.sh",
        "extra.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "functions/Dockerfile").write_text(DOCKERFILE)
    return tmp_path


METADATA = {
    "Dockerfile": "functions/Dockerfile",
    "DockerContext": ".",
    "DockerBuildArgs": {"FUNCTION": "inspect"},
}


class TestCopies:
    def test_takes_the_final_stage_with_its_arguments(self) -> None:
        assert copies(DOCKERFILE, {"FUNCTION": "inspect"}) == [
            (["layers/core/bonafide"], "bonafide"),
            (["layers/inference/bonafide_inference"], "bonafide_inference/"),
            (["functions/inspect/"], ""),
            (["extra.txt", "functions/entry.sh"], ""),
        ]

    def test_a_default_argument_holds_when_none_is_given(self) -> None:
        assert (["functions/none/"], "") in copies(DOCKERFILE, {})

    @pytest.mark.parametrize("target", ["/tmp/x", "/var/tasks/", "../out", "/var/task/../../etc"])
    def test_leaves_out_what_lands_outside_the_task_root(self, target: str) -> None:
        assert copies(f"FROM a\nCOPY x {target}\n", {}) == []


class TestAssemble:
    def test_makes_the_task_root_of_one_function(self, tree: Path) -> None:
        assemble(METADATA, tree, tree / "code")
        made = {str(file.relative_to(tree / "code")) for file in (tree / "code").rglob("*") if file.is_file()}
        assert made == {
            "bonafide/model.py",
            "bonafide/store/table.py",
            "bonafide_inference/registry.py",
            "handler.py",
            "native/deep.py",
            "extra.txt",
            "entry.sh",
        }
        assert (tree / "code/handler.py").read_text() == "functions/inspect/handler.py"

    def test_again_drops_what_is_gone(self, tree: Path) -> None:
        assemble(METADATA, tree, tree / "code")
        (tree / "functions/inspect/native/deep.py").unlink()
        assemble(METADATA, tree, tree / "code")
        assert not (tree / "code/native/deep.py").exists()

    def test_a_missing_source_is_named(self, tree: Path) -> None:
        (tree / "extra.txt").unlink()
        with pytest.raises(CloudError, match=r"extra\.txt"):
            assemble(METADATA, tree, tree / "code")

    def test_a_dockerfile_without_code_is_refused(self, tree: Path) -> None:
        (tree / "functions/Dockerfile").write_text("FROM scratch\n")
        with pytest.raises(CloudError, match="copies nothing"):
            assemble(METADATA, tree, tree / "code")


class TestLocalize:
    def test_only_image_functions_and_paths_change(self, tree: Path) -> None:
        """The real template, with a context that has its Dockerfile: what differs is listed here."""
        template = load_template(ROOT / "template.yaml")
        for resource in template["Resources"].values():
            if "Metadata" in resource and "DockerBuildArgs" in resource["Metadata"]:
                resource["Metadata"]["DockerBuildArgs"] = {"FUNCTION": "inspect"}
        local = localize(template, tree, tree / "build")
        assert {key: value for key, value in local.items() if key != "Resources"} == {
            key: value for key, value in template.items() if key != "Resources"
        }
        assert local["Resources"].keys() == template["Resources"].keys()
        for name, resource in template["Resources"].items():
            was, now = resource.get("Properties", {}), local["Resources"][name].get("Properties", {})
            changed = {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
            if was.get("PackageType") == "Image":
                assert changed == {"PackageType", "ImageConfig", "Runtime", "Handler", "CodeUri"}
                assert now["Handler"] == "handler.lambda_handler"
                assert (Path(now["CodeUri"]) / "handler.py").exists()
            else:
                assert changed <= {"CodeUri", "ContentUri", "DefinitionUri"}
                assert {key: Path(now[key]).is_absolute() for key in changed} == dict.fromkeys(changed, True)

    def test_the_given_template_is_untouched(self, tree: Path) -> None:
        template = {"Resources": {"F": _image_function(["handler.lambda_handler"])}}
        before = json.dumps(template)
        localize(template, tree, tree / "build")
        assert json.dumps(template) == before

    @pytest.mark.parametrize("command", [None, [], ["a.b", "c.d"]])
    def test_an_image_needs_its_one_handler(self, tree: Path, command: list[str] | None) -> None:
        with pytest.raises(CloudError, match=r"ImageConfig\.Command"):
            localize({"Resources": {"F": _image_function(command)}}, tree, tree / "build")


def _image_function(command: list[str] | None) -> dict[str, object]:
    config = {} if command is None else {"ImageConfig": {"Command": command}}
    return {
        "Type": "AWS::Serverless::Function",
        "Metadata": METADATA,
        "Properties": {"PackageType": "Image", **config},
    }


class TestLoadTemplate:
    def test_short_forms_come_out_long(self, tmp_path: Path) -> None:
        path = tmp_path / "t.yaml"
        path.write_text(
            'V: 2012-10-17\nA: !Ref X\nB: !GetAtt Y.Arn.Z\nC: !Sub ["${a}", {a: !Ref W}]\n'
            "D: !If [Has, !Ref P, !Ref AWS::NoValue]\nE: !Condition Q\n"
        )
        assert load_template(path) == {
            "V": "2012-10-17",
            "A": {"Ref": "X"},
            "B": {"Fn::GetAtt": ["Y", "Arn.Z"]},
            "C": {"Fn::Sub": ["${a}", {"a": {"Ref": "W"}}]},
            "D": {"Fn::If": ["Has", {"Ref": "P"}, {"Ref": "AWS::NoValue"}]},
            "E": {"Condition": "Q"},
        }

    def test_unsafe_tags_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "t.yaml"
        path.write_text("A: !!python/object/apply:os.getcwd []\n")
        with pytest.raises(Exception, match="python/object"):
            load_template(path)


class TestDigest:
    @pytest.fixture
    def sources(self, tree: Path) -> Path:
        (tree / "template.yaml").write_text("Resources: {}\n")
        (tree / "statemachine").mkdir()
        (tree / "statemachine/analysis.asl.json").write_text("{}")
        return tree

    def test_is_stable_over_times_and_byte_code(self, sources: Path) -> None:
        before = digest(sources, {"A": "1"})
        (sources / "template.yaml").touch()
        (sources / "functions/inspect/handler.cpython-311.pyc").write_bytes(b"x")
        (sources / "README.md").write_text("not deployed")
        assert digest(sources, {"A": "1"}) == before

    @pytest.mark.parametrize(
        "name",
        [
            "template.yaml",
            "statemachine/analysis.asl.json",
            "functions/other/handler.py",
            "layers/core/bonafide/model.py",
        ],
    )
    def test_changes_with_every_source(self, sources: Path, name: str) -> None:
        before = digest(sources, {})
        (sources / name).write_text("changed")
        assert digest(sources, {}) != before

    def test_changes_with_names_and_parameters(self, sources: Path) -> None:
        before = digest(sources, {"A": "1"})
        assert digest(sources, {"A": "2"}) != before
        (sources / "functions/other/handler.py").rename(sources / "functions/other/handle.py")
        assert digest(sources, {"A": "1"}) != before


@pytest.mark.rows("PHX-38", "PHX-47", "X-3")
def test_a_request_may_be_as_large_as_any_vendor_takes(tmp_path: Path) -> None:
    """Phonexia's 500 MiB is the most (the others: 150 MB and less); on AWS it is what Lambda carries."""
    assert int(local_parameters(LocalCloud(tmp_path))["InlineLimitBytes"]) >= 524_288_000
    limit = load_template(ROOT / "template.yaml")["Parameters"]["InlineLimitBytes"]["Default"]
    assert limit * 4 / 3 + 16_384 < 6_291_556, "base64 and the form around it fit into Lambda's 6 MB"
