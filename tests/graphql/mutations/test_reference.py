"""docs/mutations.md is current, and what it states of events is true of the declarations."""

from __future__ import annotations

from pathlib import Path

from ogpgraph.domain.commands import COMMANDS
from ogpgraph.graphql.mutations.reference import build_reference
from tests.graphql.client import SCHEMA

PAGE = Path(__file__).parents[3] / "docs" / "mutations.md"


def test_reference_is_generated_from_the_declarations() -> None:
    assert PAGE.read_text("utf-8") == build_reference(SCHEMA), "run `make schema`"


def test_reference_has_a_section_for_each_command() -> None:
    sections = [line.removeprefix("## ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("## ")]
    assert sections[1:] == sorted(COMMANDS)
