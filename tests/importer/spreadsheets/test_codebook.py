"""The codebooks are complete and unambiguous."""

from __future__ import annotations

import pytest

from ogpgraph.domain.vocabulary import POLICY_AREAS
from ogpgraph.importer.spreadsheets.codebook import Codebook, column_key, load_codebooks
from tests.importer.spreadsheets.spreadsheet_files import (
    require_codebook,
)


def test_every_ignored_column_has_a_reason() -> None:
    for version in ("2015", "2016", "2024"):
        assert all(reason for reason in require_codebook(version).ignored.values())


@pytest.mark.parametrize("book", load_codebooks(), ids=lambda book: book.version)
def test_a_codebook_names_each_column_once_and_only_policy_areas_of_the_vocabulary(book: Codebook) -> None:
    names = [*book.columns, *book.areas, *book.ignored, *book.numeric_twins]
    assert len({column_key(name) for name in names}) == len(names)
    assert set(book.areas.values()) <= set(POLICY_AREAS)
