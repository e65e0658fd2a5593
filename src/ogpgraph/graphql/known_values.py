"""Known values: what a word in a filter may be, so that a misspelled one is an error instead of finding nothing.

The known values of a dimension are those of its declared vocabulary and those that it has had at any position: what is
known once stays known. A word stands for the values that are equal to it without case, accents and the number of
blanks. Any other word is refused by name, with the nearest values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from graphql import GraphQLError

from ogpgraph.domain.vocabulary import POLICY_AREAS, PolicyArea
from ogpgraph.graphql.errors import FieldErrorCode, client_error
from ogpgraph.readmodel.text_search import fold_text

MatchWords = Callable[[Sequence[str]], tuple[str, ...]]
"""Returns the values that words stand for; raises UNKNOWN_VALUE."""
_MAX_NAMED: Final = 5
"""So many values are named by an error."""
_MAX_SHOWN: Final = 80
_MAX_COMPARED: Final = 200
"""Of more values only those with the same beginning are compared: an error must not cost more than an answer."""
_SAME_BEGINNING: Final = 2


def match_words(
    name: str, words: Sequence[str], known: Iterable[str], read_others: Callable[[], Iterable[str]]
) -> tuple[str, ...]:
    """Return the known values that the words given for a field stand for; `read_others` returns further known ones.

    While nothing is known, nothing can be misspelled: then the words are returned as they are.

    Raises:
        GraphQLError: UNKNOWN_VALUE, for words that stand for no value.
    """
    by_folded = _group_by_folded(tuple(known))
    if any(fold_text(word) not in by_folded for word in words):
        by_folded = _group_by_folded((*(value for values in by_folded.values() for value in values), *read_others()))
    if not by_folded:
        return tuple(words)
    unknown = [word for word in dict.fromkeys(words) if fold_text(word) not in by_folded]
    if unknown:
        raise unknown_values(name, unknown, [value for values in by_folded.values() for value in values])
    return tuple(dict.fromkeys(value for word in words for value in by_folded[fold_text(word)]))


def match_codes(
    name: str, words: Sequence[str], known: Container[str], read_others: Callable[[], Sequence[str]], form: str
) -> tuple[str, ...]:
    """Return the codes that some words are, in upper case, as `match_words` does; there are too many to fold them.

    A word that has the form, a regular expression unless it is empty, is a code although nothing has it.
    """
    codes = tuple(dict.fromkeys(word.strip().upper() for word in words))
    missing = [code for code in codes if code not in known and not (form and re.fullmatch(form, code))]
    if not missing:
        return codes
    others = read_others()
    existing = frozenset(others)
    unknown = [code for code in missing if code not in existing]
    if unknown and others:
        raise unknown_values(name, unknown, others)
    return codes


def unknown_values(name: str, words: Sequence[str], known: Sequence[str]) -> GraphQLError:
    """Return the error for words that are no known values of a field."""
    described = (_describe_unknown(word, known) for word in words[:_MAX_NAMED])
    more = f"; and {len(words) - _MAX_NAMED} more" if len(words) > _MAX_NAMED else ""
    return client_error(f"`{name}`: {'; '.join(described)}{more}", FieldErrorCode.UNKNOWN_VALUE)


def nearest_value(word: str, known: Sequence[str]) -> str | None:
    """Return the known value that is most like a word, None if none is like it."""
    folded = fold_text(word[:_MAX_SHOWN])
    compared = known
    if len(known) > _MAX_COMPARED:
        beginning = word[:_SAME_BEGINNING]
        in_any_case = (beginning, beginning.upper(), beginning.lower(), beginning.capitalize())
        compared = [value for value in known if value.startswith(in_any_case)]
    by_folded = {fold_text(value): value for value in compared[:_MAX_COMPARED]}
    found = get_close_matches(folded, by_folded, n=1)
    return by_folded[found[0]] if found else None


def vocabulary_of(value_type: Any) -> tuple[str, ...]:
    """Return the vocabulary that the declared type of a field has, or the type of its items; empty if it has none."""
    if value_type is PolicyArea:
        return POLICY_AREAS
    if get_origin(value_type) is Literal:
        return get_args(value_type)
    if get_origin(value_type) in (Annotated, tuple):
        return vocabulary_of(get_args(value_type)[0])
    return ()


@lru_cache(maxsize=50)  # more than the dimensions that are filtered by words
def _group_by_folded(values: tuple[str, ...]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for value in dict.fromkeys(values):
        found.setdefault(fold_text(value), []).append(value)
    return found


def _describe_unknown(word: str, known: Sequence[str]) -> str:
    shown = f"there is no {word[:_MAX_SHOWN]!r}"
    if (nearest := nearest_value(word, known)) is not None:
        return f"{shown}, the nearest is {nearest!r}"
    if 0 < len(known) <= _MAX_NAMED:
        return f"{shown}, only {', '.join(map(repr, sorted(known)))}"
    return shown
