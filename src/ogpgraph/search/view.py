"""The rows that are searched in one state of the record, and the objects that they are texts of.

An object is an aggregate with all of its texts, or a part of one with those of the part alone. The number of an
aggregate is its owner number, that of a part `owner_count` more than its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.postings import Mask, Numbers
from ogpgraph.search.text_index import TextIndex

Checkpoint = Callable[[], None]
FindCode = Callable[[str, bool], Numbers]
"""Returns the numbers of the aggregates that have a code, or one that begins so."""


class View(NamedTuple):
    """The rows that a query is evaluated on, and what the rules of fields say about them.

    `state` names the state of the record and the fields, as what is kept of points is found by it. `valid` says of each
    row whether it is searched. `weights` is the weight of each field, `fields` name → the fields that it stands for in
    queries. `language` restricts the search to the texts of one language.
    """

    texts: TextIndex
    state: tuple[Hashable, ...]
    valid: Mask
    owner_count: int
    part_count: int
    weights: NDArray[np.int32]
    fields_named: Callable[[str], Sequence[int]]
    find_code: FindCode
    language: str | None
    checkpoint: Checkpoint

    @property
    def object_count(self) -> int:
        """Return how many aggregates and parts there are."""
        return self.owner_count + self.part_count

    def column(self, name: str) -> NDArray[np.int32]:
        """Return a column of the rows."""
        return self.texts.columns.column(name, len(self.valid))

    def small_column(self, name: str) -> NDArray[np.uint8]:
        """Return a column of the rows that has small numbers."""
        return self.texts.small_columns.column(name, len(self.valid))

    def restrict(self, field: str) -> View:
        """Return the view of the rows of the fields that a name stands for in a query; codes have none."""
        is_meant = np.zeros(len(self.weights), dtype=np.bool_)
        is_meant[list(self.fields_named(field))] = True
        return self._replace(valid=self.valid & is_meant[self.small_column("field")], state=(*self.state, field))

    def owners_of(self, objects: Numbers) -> Numbers:
        """Return the numbers of some objects if they are aggregates, and of parts those of their aggregates."""
        owners, is_part = objects.copy(), objects >= self.owner_count
        column = self.texts.part_columns.column("owner", self.part_count)
        owners[is_part] = column.take(objects[is_part] - self.owner_count)
        return owners

    def has_rows(self, objects: Numbers, rows: Numbers) -> Mask:
        """Return which of some rows are of one of some objects, or of another one of the same aggregates."""
        owners = np.zeros(self.owner_count, dtype=np.bool_)
        owners[self.owners_of(objects)] = True
        return owners.take(self.column("owner").take(rows))
