"""How much a document may ask for, and the refusal of one that asks for more."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from msgspec import Struct

from ogpgraph.graphql.weight import Weight

TOLD: Final = 2**53 - 1
"""The greatest cost that is told as it is: every JSON client can hold it."""


class Limits(Struct, frozen=True):
    """How much one document may ask for. `trusted_cost` is for the documents that the server knows."""

    cost: int = 500_000
    trusted_cost: int = 2_000_000
    characters: int = 50_000
    tokens: int = 2_000
    depth: int = 20
    fields: int = 1_000
    aliases: int = 100
    directives: int = 50
    definitions: int = 50
    repeats: int = 50


class TooMuch(Exception):
    """A document asks for more than it may; the message says of what, and how much of it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Requested(Struct, frozen=True):
    """What one operation of a document asks for; the cost depends on the variables that say how large pages are."""

    weight: Weight
    largest: Weight
    repeats: int
    definitions: int
    page_variables: frozenset[str]

    @property
    def cost(self) -> int:
        """Return what the operation costs at most, by the pages it asks for."""
        return self.weight.cost

    @property
    def dearest(self) -> str:
        """Return the path of the field that costs most."""
        steps, path = [], self.weight.dearest[1]
        while path:
            steps.append(path[0])
            path = path[1]
        return ".".join(steps)

    def require(self, limits: Limits, most_cost: int) -> None:
        """Raise TooMuch where the document is larger, or its operation costs more, than it may."""
        largest = self.largest
        for found, most, what, code in (
            (self.definitions, limits.definitions, "operations and fragments", "TOO_MANY_FRAGMENTS"),
            (largest.depth, limits.depth, "levels of fields", "TOO_DEEP"),
            (largest.aliases, limits.aliases, "aliases", "TOO_MANY_ALIASES"),
            (largest.directives, limits.directives, "directives", "TOO_MANY_DIRECTIVES"),
            (self.repeats, limits.repeats, "fields that repeat another", "TOO_MANY_FIELDS"),
            (largest.fields, limits.fields, "fields", "TOO_MANY_FIELDS"),
        ):
            if found > most:
                raise TooMuch(f"The document has {min(found, TOLD)} {what}, and {most} is the most.", code)
        self.require_cost(most_cost)

    def require_cost(self, most: int) -> None:
        """Raise TooMuch where the operation costs more than it may."""
        if self.cost > most:
            raise TooMuch(
                f"The operation costs {min(self.cost, TOLD)}, and {most} is the most. Dearest is `{self.dearest}`, "
                f"alone {min(self.weight.dearest[0], TOLD)}: ask for smaller pages by `first`, or for less.",
                "COST_EXCEEDED",
            )


# Possessive, and what is not closed goes to the end: so it takes time in proportion to the text, whatever that is.
_TOKEN: Final = re.compile(
    r'#[^\n\r]*+|"""(?:[^"\\]++|(?:\\""")++|\\|"(?!""))*+(?:""")?|"(?:[^"\\\n\r]++|(?:\\.)++)*+"?|\.\.\.|[\w.+-]++|[^\s,\ufeff]'
)


def require_short(text: str, limits: Limits) -> None:
    """Raise TooMuch, without parsing, where a document is longer or has more tokens (comments too) than it may."""
    if len(text) > limits.characters:
        raise TooMuch(f"The document has more than {limits.characters} characters.", "TOO_MANY_TOKENS")
    if sum(1 for _ in islice(_TOKEN.finditer(text), limits.tokens + 1)) > limits.tokens:
        raise TooMuch(f"The document has more than {limits.tokens} tokens.", "TOO_MANY_TOKENS")
