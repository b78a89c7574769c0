"""The files of deploy/, checked by the tools that read them as far as they are here."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
yaml = pytest.importorskip("yaml", reason="needs PyYAML, which Ray brings")


def test_ray_accepts_the_cluster_file():
    pytest.importorskip("ray", reason="needs the extra `cluster`")
    schema_of = pytest.importorskip("jsonschema", reason="needs jsonschema, which Ray brings")
    import ray.autoscaler

    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    config = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())
    schema_of.validate(config, schema)
    assert config["head_node_type"] in config["available_node_types"]


def test_the_job_has_what_the_operator_requires():
    job = yaml.safe_load((DEPLOY / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        resources = container["resources"]
        assert set(resources["requests"]) == set(resources["limits"])
        volumes = {v["name"] for v in group["template"]["spec"].get("volumes", ())}
        assert {m["name"] for m in container.get("volumeMounts", ())} <= volumes
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", group["groupName"])


@pytest.mark.parametrize("file", ["ray-cluster.yaml", "kuberay.yaml"])
def test_the_commands_are_options_that_exist(file):
    from app.process.command import command

    text = (DEPLOY / file).read_text()
    lines = re.findall(r"posestream process s3[^\"]*?slots=\d+", text)
    named = set(re.findall(r"--([a-z-]+)", " ".join(lines)))
    assert "cluster" in named
    assert named <= {name.rstrip("_").replace("_", "-") for name in command.__annotations__}


def test_the_image_copies_what_the_package_is_built_from():
    text = (DEPLOY / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY ([^-].*)$", text, re.MULTILINE))
    names = {name for line in copied for name in line.split()[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in packages} <= names
    assert {project["project"]["readme"], *project["project"]["license-files"]} <= names
    assert all((ROOT / name).exists() for name in names)
    extras = set(re.findall(r"whl\)\[([a-z,0-9]+)\]", text))
    assert len(extras) == 2
    known = set(project["project"]["optional-dependencies"])
    assert {extra for group in extras for extra in group.split(",")} <= known
    torch = next(d for d in project["project"]["dependencies"] if d.startswith("torch"))
    assert torch in text
