"""What a release consists of: every file of the repository, and nothing that git ignores."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documentation import ROOT

# Of the repository only: GitHub's settings and git's.
STAYS_BEHIND = (".github/", ".gitignore", ".pre-commit-config.yaml")
PACKAGES = ("posestream/", "app/", "engine/", "gpu_ops/", "assets/")


@pytest.fixture(scope="module")
def in_git():
    if not (ROOT / ".git").exists():
        pytest.skip("an unpacked source archive has no list of files to compare it with")
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A folder with what setuptools would pack: its list of sources, and lib/ as in a wheel."""
    folder = tmp_path_factory.mktemp("packed")
    steps = ("egg_info", "--egg-base", folder, "build_py", "--build-lib", folder / "lib")
    code = "from setuptools import setup; setup()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, "-q", *steps], cwd=ROOT, check=True)
    return folder


def test_a_source_archive_has_the_files_of_the_repository(in_git, packed):
    lines = (packed / "posestream.egg-info/SOURCES.txt").read_text(encoding="utf-8").splitlines()
    found = {Path(line).as_posix() for line in lines if "posestream.egg-info" not in line}
    wanted = {name for name in in_git if not name.startswith(STAYS_BEHIND)}
    assert wanted - found == set(), "name them in MANIFEST.in"
    assert found - wanted == set()


def test_a_wheel_has_the_files_of_the_packages(in_git, packed):
    lib = packed / "lib"
    found = {file.relative_to(lib).as_posix() for file in lib.rglob("*") if file.is_file()}
    assert found == {name for name in in_git if name.startswith(PACKAGES)}
