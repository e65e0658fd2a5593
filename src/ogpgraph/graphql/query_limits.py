"""The limits of one document, and those of its length, which are checked before it is parsed."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from msgspec import Struct

from ogpgraph.graphql.errors import DocumentErrorCode, LimitExceeded


class QueryLimits(Struct, frozen=True):
    """The limits of one document. `persisted_cost` takes the place of `cost` for persisted documents."""

    cost: int = 500_000
    persisted_cost: int = 2_000_000
    characters: int = 50_000
    tokens: int = 2_000
    depth: int = 20
    fields: int = 1_000
    aliases: int = 100
    directives: int = 50
    definitions: int = 50
    repeated_fields: int = 50


# The quantifiers are possessive and an unclosed string extends to the end, so the time is linear in any text.
_TOKEN: Final = re.compile(
    r'#[^\n\r]*+|"""(?:[^"\\]++|(?:\\""")++|\\|"(?!""))*+(?:""")?|"(?:[^"\\\n\r]++|(?:\\.)++)*+"?|\.\.\.|[\w.+-]++|[^\s,\ufeff]'
)


def check_length(text: str, limits: QueryLimits) -> None:
    """Check, without parsing, the number of characters and of tokens (comments included) of a document.

    Raises:
        LimitExceeded: if there are too many.
    """
    if len(text) > limits.characters:
        raise LimitExceeded(
            f"The document has more than {limits.characters} characters.", DocumentErrorCode.TOO_MANY_TOKENS
        )
    if sum(1 for _ in islice(_TOKEN.finditer(text), limits.tokens + 1)) > limits.tokens:
        raise LimitExceeded(f"The document has more than {limits.tokens} tokens.", DocumentErrorCode.TOO_MANY_TOKENS)
