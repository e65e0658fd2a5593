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
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def blocks(lock: str) -> list[str]:
    """A lock's requirements, each with the lines that belong to it."""
    text = (ROOT / lock).read_text("utf-8")
    return re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())


def pins(lock: str) -> dict[str, str]:
    """The pinned version of each package in a lock."""
    heads = (re.match(r"([A-Za-z0-9._-]+)==(\S+)", block) for block in blocks(lock))
    return {canonicalize_name(head[1]): head[2] for head in heads if head}


def wanted_here(lock: str, name: str) -> bool:
    """Whether a lock's requirement is meant for the system and the Python that run this."""
    heads = (Requirement(block.split("\\")[0].strip()) for block in blocks(lock))
    return any(canonicalize_name(head.name) == name and (not head.marker or head.marker.evaluate()) for head in heads)


def direct(lock: str) -> list[Requirement]:
    """What pyproject.toml asks for by name and a lock must cover."""
    project, groups = pyproject()["project"], pyproject()["dependency-groups"]
    wanted = list(project["dependencies"])
    if lock == "requirements-dev.lock":
        wanted += project["optional-dependencies"]["postgres"] + groups["dev"]
    return [Requirement(each) for each in wanted]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes(lock: str) -> None:
    for block in blocks(lock):
        assert re.match(r"[A-Za-z0-9._-]+==\S+ ", block), block
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_no_folder_of_this_machine(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|file:| @ |(^|\s)/", text)
    assert not re.search(r"\b[\w-]+\.(org|com|io|net)\b", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_covers_what_pyproject_asks_for(lock: str) -> None:
    pinned = pins(lock)
    for wanted in direct(lock):
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), wanted


def test_what_is_tested_is_what_runs() -> None:
    runtime, dev = (pins(lock) for lock in LOCKS)
    assert runtime.items() <= dev.items()


def test_the_server_comes_with_its_websockets_event_loop_and_parser() -> None:
    assert {"websockets", "uvloop", "httptools"} <= pins("requirements.lock").keys()


def test_what_is_installed_is_what_the_lock_pins() -> None:
    here = {name: pin for name, pin in pins("requirements.lock").items() if wanted_here("requirements.lock", name)}
    assert {name: version(name) for name in here} == here


def test_the_version_has_one_source() -> None:
    assert version("ogpgraph") == ogpgraph.__version__
    assert "version" in pyproject()["project"]["dynamic"]


def test_a_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    package = ROOT / "src" / "ogpgraph"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(ROOT / "src").as_posix() for path in files} <= packed
