"""docs/fields.md is current, and names every field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.values import PartialDate, TextListValue
from ogpgraph.domain.vocabulary import PlanStatus
from ogpgraph.graphql.field_reference import build_field_reference, describe_type

PAGE = Path(__file__).parents[2] / "docs" / "fields.md"


def test_reference_is_generated_from_the_declarations() -> None:
    assert PAGE.read_text("utf-8") == build_field_reference(), "run `make schema`"


def test_reference_has_a_row_for_each_field() -> None:
    rows = PAGE.read_text("utf-8").splitlines()
    for aggregate_type in AGGREGATE_TYPES.values():
        for field in aggregate_type.fields:
            assert any(row.startswith(f"| `{field.pattern}` |") and field.description in row for row in rows), field


@pytest.mark.parametrize(
    ("value_type", "expected"),
    [
        (PartialDate, "partial date"),
        (TextListValue, "list of texts"),
        (Annotated[int, Meta(ge=1, le=9)], "number from 1 to 9"),
        (tuple[Annotated[str, Meta(pattern="^x$")], ...], "list of strings"),
        (tuple[PlanStatus, ...], "list of `ACTIVE`, `CONCLUDED`"),
        (Literal["A", "B"], "`A`, `B`"),
        (int | PlanStatus, "number or `ACTIVE`, `CONCLUDED`"),
    ],
    ids=str,
)
def test_types_are_described_in_a_few_words(value_type: Any, expected: str) -> None:
    assert describe_type(value_type) == expected
