"""What a selection asks for: its size, its depth, its cost by the pages it wants, and where it is dearest."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

Path = tuple[str, Any]
"""The name of a field, and the rest of the path below it or None."""
Dearest = tuple[int, Path | None]
"""What a single field costs, itself and as often as it comes, without what is below it; and where it is."""
NOTHING: Final[Dearest] = (0, None)


class Weight(Struct):
    """What a selection asks for: each time it is made (`cost`), and for each node of the page around it (`paged`)."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    paged: int = 0
    dearest: Dearest = NOTHING
    dearest_paged: Dearest = NOTHING

    def add(self, other: Weight) -> None:
        """Count another selection of the same object too."""
        self.count(other, 0)
        self.cost += other.cost
        self.paged += other.paged
        if other.dearest[0] > self.dearest[0]:
            self.dearest = other.dearest
        if other.dearest_paged[0] > self.dearest_paged[0]:
            self.dearest_paged = other.dearest_paged

    def count(self, below: Weight, levels: int) -> None:
        """Count the size of what is so many levels below."""
        self.depth = max(self.depth, below.depth + levels)
        self.fields += below.fields
        self.aliases += below.aliases
        self.directives += below.directives

    def add_field(self, name: str, own: int, each: int, number: int, below: Weight) -> None:
        """Count the cost of a field that gives `number` objects, which cost `each` and what is below them."""
        self.cost += own + number * (each + below.cost + below.paged)
        self._note(own + number * each, name, None)
        self._note(below.dearest[0] * number, name, below.dearest[1])

    def add_connection(self, name: str, size: int, below: Weight) -> None:
        """Count the cost of a connection whose pages have `size` nodes."""
        self.cost += below.cost + size * below.paged
        self._note(below.dearest[0], name, below.dearest[1])
        self._note(below.dearest_paged[0] * size, name, below.dearest_paged[1])

    def add_nodes(self, name: str, each: int, below: Weight) -> None:
        """Count the cost of one of the nodes of a connection's page."""
        self.paged += each + below.cost
        dearest = below.dearest if below.dearest[0] > each else (each, None)
        if dearest[0] > self.dearest_paged[0]:
            self.dearest_paged = dearest[0], (name, dearest[1])

    def _note(self, cost: int, name: str, path: Path | None) -> None:
        if cost > self.dearest[0]:
            self.dearest = cost, (name, path)
