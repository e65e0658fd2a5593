"""Finds the commitment to which a page or a list gives the code that no file of the database has had for it.

Older files of the database have no codes. A wrong match would mix the histories of two commitments, so the titles must
be the same, and no other commitment of the plan may have that title: neither one that is recorded nor one in the same
list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ogpgraph.domain.event import Facts
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import COMMITMENT_CODE, TextValue
from ogpgraph.importer.observations.value_equivalence import TextLookup, normalize_title
from ogpgraph.importer.writer import TitlesByCode

_CODE = re.compile(COMMITMENT_CODE)


class UnnamedCommitments:
    """The recorded commitments without a code, by plan and title; each plan is read once in a unit of work."""

    def __init__(self, uow: UnitOfWork, titles_of_plan: Callable[[str], TitlesByCode], lookup_text: TextLookup) -> None:
        self._uow = uow
        self._titles_of_plan = titles_of_plan
        self._lookup_text = lookup_text
        self._titles: dict[str, dict[str, set[str]]] = {}

    def find(self, facts: Facts, other_titles: Iterable[str]) -> str | None:
        """Return the stream of the commitment that facts are about; `other_titles` are those in the same list."""
        plan = facts.get("actionPlan")
        stated = (value for path, value in facts.items() if path.startswith("title/"))
        titles = {self._normalize(value.text) for value in stated if isinstance(value, TextValue)}
        if not isinstance(plan, str) or len(titles) != 1 or titles & {normalize_title(each) for each in other_titles}:
            return None
        keys = [key for key, known in self._known_titles(plan).items() if titles & known]
        if len(keys) != 1 or _CODE.fullmatch(keys[0]):
            return None
        return self._uow.resolve_code("commitment", keys[0])

    def _known_titles(self, plan: str) -> dict[str, set[str]]:
        if plan not in self._titles:
            known = self._titles_of_plan(plan)
            self._titles[plan] = {key: {self._normalize(each) for each in texts} for key, texts in known.items()}
        return self._titles[plan]

    def _normalize(self, reference: str) -> str:
        return normalize_title(self._lookup_text(reference) or reference)
