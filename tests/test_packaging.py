"""The locks pin what pyproject.toml requires, and the wheel contains the whole package."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ogpgraph

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-tools.lock"]


def read_pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def requirement_blocks(lock: str) -> list[str]:
    """Return the requirements of a lock, each with its marker and hashes."""
    text = (ROOT / lock).read_text("utf-8")
    return re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())


def pins(lock: str) -> dict[str, str]:
    """Return the pinned version of each package in a lock."""
    matches = (re.match(r"([A-Za-z0-9._-]+)==(\S+)", block) for block in requirement_blocks(lock))
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def applies_here(lock: str, name: str) -> bool:
    """Return whether the marker of a package in a lock holds for this system and Python."""
    requirements = (Requirement(block.split("\\")[0].strip()) for block in requirement_blocks(lock))
    return any(
        canonicalize_name(requirement.name) == name and (not requirement.marker or requirement.marker.evaluate())
        for requirement in requirements
    )


def direct_requirements(lock: str) -> list[Requirement]:
    """Return the requirements in pyproject.toml that a lock must cover."""
    project, groups = read_pyproject()["project"], read_pyproject()["dependency-groups"]
    if lock == "requirements-tools.lock":
        return [Requirement(each) for each in groups["tools"]]
    required = list(project["dependencies"])
    if lock == "requirements-dev.lock":
        required += project["optional-dependencies"]["postgres"] + groups["dev"]
    return [Requirement(each) for each in required]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes(lock: str) -> None:
    for block in requirement_blocks(lock):
        assert re.match(r"[A-Za-z0-9._-]+==\S+ ", block), block
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_folder_of_a_machine(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|file:| @ |(^|\s)/", text)
    assert not re.search(r"\b[\w-]+\.(org|com|io|net)\b", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_covers_the_requirements_of_pyproject(lock: str) -> None:
    pinned = pins(lock)
    for requirement in direct_requirements(lock):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_the_development_lock_pins_the_same_versions() -> None:
    runtime, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert runtime.items() <= dev.items()


@pytest.mark.parametrize("lock", sorted(ROOT.glob("tests/*/package-lock.json")), ids=lambda lock: lock.parent.name)
def test_a_lock_of_npm_has_hashes_and_names_no_host(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    packages.pop("")
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    # The pages at which authors ask for donations are no hosts of packages.
    assert "://" not in json.dumps([{**package, "funding": None} for package in packages.values()])


def test_the_lock_has_the_websockets_event_loop_and_parser_of_the_server() -> None:
    assert {"websockets", "uvloop", "httptools"} <= pins("requirements.lock").keys()


def test_the_installed_versions_are_those_of_the_lock() -> None:
    requirements = [Requirement(block.split("\\")[0].strip()) for block in requirement_blocks("requirements.lock")]
    here = [each for each in requirements if not each.marker or each.marker.evaluate()]
    expected = {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in here}
    assert {name: version(name) for name in expected} == expected


def test_the_version_has_one_source() -> None:
    assert version("ogpgraph") == ogpgraph.__version__
    assert "version" in read_pyproject()["project"]["dynamic"]


@pytest.mark.slow
def test_a_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    package = ROOT / "src" / "ogpgraph"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(ROOT / "src").as_posix() for path in files} <= packed
