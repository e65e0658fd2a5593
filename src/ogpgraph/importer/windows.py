"""Delivery windows: where a member hands in two plans in a year, their names end in a month, as in "… (December)"."""

from __future__ import annotations

import re
from functools import cache

from ogpgraph.importer.folding import fold
from ogpgraph.importer.labels import labels_of

_LAST_WORD = re.compile(r"\((?P<word>[^()\d]{3,20})\)\s*$")


def window_in(plan_title: str, language: str) -> int | None:
    """Return the month that a plan's name ends in, from 1 to 12, None where it ends otherwise."""
    found = _LAST_WORD.search(plan_title)
    return _months(language).get(fold(found["word"])) if found else None


@cache
def _months(language: str) -> dict[str, int]:
    tables = (file.dates.months for file in labels_of(language).files)
    return {fold(word): month for months in tables for month, words in enumerate(months, 1) for word in words}
