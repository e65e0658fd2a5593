"""The query language of the search. Every text is a query: what has no meaning in it is read as words, or as nothing.

A query is a sequence of clauses, all of which an object has to fulfil:

- `budget`: the word, in any inflection that the language of the text allows, with or without accents where the query
  has none;
- `"open budget"`: these words one after the other, as they are written, but for case and, where the query has none,
  accents;
- `budg*`: words that begin so, with at least two letters;
- `co-creation`: these words one after the other, or written as one;
- `FR0043`, `fr 0043`, `FR-0043`: the object with this code, too;
- `institution:finance`: a clause on the fields whose name contains `institution`; `code:FR0043` on codes;
- `-tax`: the clause is not fulfilled.

Words that only join others, such as `of`, may be missing unless the query has no others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

from msgspec import Struct, structs

from ogpgraph.languages import shipped_languages
from ogpgraph.search.words import Word, find_words, is_unspaced, normalize_word

MAX_WORDS: Final = 32
"""The words of a query that are searched for; those after them are ignored."""
MAX_CHARACTERS: Final = 2_000
"""The code points of a query that are read."""
MIN_BEGINNING: Final = 2
"""The letters of the beginning of a word: with a single one a query would take up most texts, and be as slow."""
CODE_FIELD: Final = "code"
_CODE_WORDS: Final = 2
"""A code may be written as a word and a number: with a blank, say, or with a hyphen that it does not have."""
_SIGNS: Final = str.maketrans(
    dict.fromkeys("“”„‟«»″", '"') | {chr(sign + 0xFEE0): chr(sign) for sign in range(ord("!"), ord("~") + 1)}
)
"""Quotes, and what East Asian keyboards write in full width → the sign of ASCII that it means."""
_CHUNK: Final = re.compile(
    r'(?P<minus>-*)(?:(?P<field>[^\W\d_]+):\s*)?(?:"(?P<phrase>[^"]*)"?|(?P<plain>[^\s"]+))|(?P<rest>\S)'
)
_APOSTROPHES: Final = re.compile(r"[^\W_]['’ʼ′´`][^\W_]")
_ELISIONS: Final = frozenset({"qu", "all", "dell", "nell", "sull"})
"""Besides single letters, what stands before an apostrophe in place of a word that joins others."""
IsField = Callable[[str], bool]
"""Returns whether a name in lower case names fields that are searched."""


class Clause(Struct, frozen=True):
    """A condition on the texts of an object: words one after the other.

    `joined` is the word as which they may be written, too; empty if they may not. If it `is_exact`, only these forms
    count, otherwise inflected and similar ones do, too. Of a prefix the last word is only the beginning of one.
    `codes` are the codes that the text may be, with its neighbours, too. An optional clause need not be fulfilled.
    """

    words: tuple[str, ...]
    joined: str = ""
    field: str = ""
    codes: tuple[str, ...] = ()
    is_exact: bool = False
    is_prefix: bool = False
    is_excluded: bool = False
    is_optional: bool = False


class Query(Struct, frozen=True):
    """A query as its clauses, each once."""

    clauses: tuple[Clause, ...]

    @property
    def required(self) -> tuple[Clause, ...]:
        """Return the clauses that an object has to fulfil."""
        return tuple(each for each in self.clauses if not (each.is_excluded or each.is_optional))

    @property
    def excluded(self) -> tuple[Clause, ...]:
        """Return the clauses that an object must not fulfil."""
        return tuple(each for each in self.clauses if each.is_excluded)

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """Yield which required words follow one another: the numbers of two clauses, and the distance of the words."""
        last, number, distance = None, -1, 1
        for clause in self.clauses:
            if clause.is_excluded:
                continue
            if clause.is_optional:
                distance += 1
                continue
            number += 1
            is_word = len(clause.words) == 1 and not clause.field
            if last is not None and is_word:
                yield last, number, distance
            last, distance = (number if is_word else None), 1


def parse_query(text: str, is_field: IsField, language: str | None = None) -> Query:
    """Return the query that a text stands for; without a word that is searched for, it has no clause to fulfil."""
    clauses: list[Clause] = []
    left = MAX_WORDS
    composed = unicodedata.normalize("NFC", text[:MAX_CHARACTERS])  # as texts are recorded, by which they are divided
    for clause in _iter_clauses(composed.translate(_SIGNS), is_field):
        if (left := left - len(clause.words)) < 0:
            break
        clauses.append(clause)
    clauses = _add_spaced_codes(clauses)
    return Query(tuple(_mark_optional(list(dict.fromkeys(clauses)), language)))


def _add_spaced_codes(clauses: Sequence[Clause]) -> list[Clause]:
    """Return clauses, of which a word and a number that follow one another may be a code, too, such as `FR 0043`."""
    found = list(clauses)
    for number, (first, second) in enumerate(pairwise(clauses)):
        is_plain = not any(each.is_prefix or each.is_excluded or each.is_exact for each in (first, second))
        if is_plain and first.field in ("", CODE_FIELD) and not second.field:
            codes = _join_code((*first.words, *second.words))
            found[number] = structs.replace(found[number], codes=(*found[number].codes, *codes))
            found[number + 1] = structs.replace(second, codes=(*second.codes, *codes))
    return found


def _join_code(words: Sequence[str]) -> tuple[str, ...]:
    """Return the codes that a word and a number may be together; none for other words."""
    if len(words) != _CODE_WORDS or not (words[0].isalpha() and words[1].isdigit()):
        return ()
    return tuple(separator.join(words).upper() for separator in ("", "-"))


def _mark_optional(clauses: Sequence[Clause], language: str | None) -> Sequence[Clause]:
    joining = function_words(language)
    marked = [structs.replace(each, is_optional=True) if _only_joins(each, joining) else each for each in clauses]
    has_others = any(not (each.is_optional or each.is_excluded) for each in marked)
    return marked if has_others else clauses


def _only_joins(clause: Clause, joining: frozenset[str]) -> bool:
    is_plain = not (clause.field or clause.is_exact or clause.is_prefix or clause.is_excluded)
    return is_plain and len(clause.words) == 1 and clause.words[0] in joining


@cache
def function_words(language: str | None) -> frozenset[str]:
    """Return the words of a language that only join others; of all languages for None, and for one without a list."""
    tables = {code: table["function_words"] for code, table in shipped_languages().tables("search").items()}
    lists = [tables[language]] if language in tables else tables.values()
    return frozenset(word for each in lists for word in each)


def _iter_clauses(text: str, is_field: IsField) -> Iterator[Clause]:
    for match in _CHUNK.finditer(text):
        field, phrase = (match["field"] or "").lower(), match["phrase"]
        content = match["plain"] or phrase or ""
        if field and not (field == CODE_FIELD or is_field(field)):
            field, content, phrase = "", f"{match['field']}:{content}", None
        clause = _phrase(content) if phrase is not None else _plain(content)
        if clause is not None:
            yield structs.replace(clause, field=field, is_excluded=bool(match["minus"]))


def _phrase(content: str) -> Clause | None:
    words = _searched(list(find_words(content)))
    if not words:
        return None
    forms = tuple(map(normalize_word, words))
    codes = (forms[0].upper(),) if len(forms) == 1 else _join_code(forms)
    return Clause(forms, codes=codes, is_exact=True, is_prefix=_is_lone_character(words))


def _plain(content: str) -> Clause | None:
    found = list(find_words(content))
    if not found:
        return None
    has_star = content[found[-1].end :].startswith("*")
    written = content[found[0].start : found[-1].end]
    if _APOSTROPHES.search(content):
        found = [each for each in found if len(each.text) > 1 and each.text.lower() not in _ELISIONS] or found
    forms = tuple(map(normalize_word, _searched(found)))
    is_spaced = not any(map(is_unspaced, forms))
    joined = "".join(forms) if len(forms) > 1 and is_spaced else ""
    is_prefix = (has_star and len(forms[-1]) >= MIN_BEGINNING) or _is_lone_character(forms)
    code = forms[0] if len(forms) == 1 else written
    codes = dict.fromkeys((code.upper(), *_join_code(forms)))
    return Clause(forms, joined, codes=tuple(codes), is_prefix=is_prefix)


def _searched(found: Sequence[Word]) -> list[str]:
    """Return the words to search for: of a run without spaces only the pairs, unless it is a single character."""
    return [
        word.text
        for number, word in enumerate(found)
        if not (len(word.text) == 1 and number and is_unspaced(word.text) and found[number - 1].end == word.end)
    ]


def _is_lone_character(words: Sequence[str]) -> bool:
    return len(words) == 1 and len(words[0]) == 1 and is_unspaced(words[0])
