"""Programs in other languages, and others that are not installed with the project: Node and schemathesis.

`make tools` installs them. A test that needs them is marked with NEEDS_TOOLS and run by `make audits`; without them it
is skipped, unless OGPGRAPH_TEST_TOOLS is `required`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / ".venv" / "tools" / "bin"
NEEDS_TOOLS = [pytest.mark.tools, pytest.mark.slow]


def find_tool(name: str) -> str:
    """Return the path of a program that `make tools` installs."""
    return str(_require(TOOLS / name))


def find_node(folder: Path) -> str:
    """Return the path of Node, for scripts in a folder with a package.json whose packages `make tools` installs."""
    _require(folder / "node_modules")
    return find_tool("node")


def _require(path: Path) -> Path:
    if not path.exists():
        message = f"{path} is missing: run `make tools`"
        if os.environ.get("OGPGRAPH_TEST_TOOLS") == "required":
            pytest.fail(message)
        pytest.skip(message)
    return path
