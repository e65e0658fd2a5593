"""What a correction says is right: values as `blame` shows them, turned into what the record keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ogpgraph.domain.commitment import check_rating
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.domain.values import Rating, Value
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue
from ogpgraph.graphql.desk import Desk
from ogpgraph.graphql.write_inputs import items, policy_areas, words

FIELD = "changes"


class RatingGiven(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A rating as `blame` shows it."""

    state: RatingState = RatingState.RATED
    value: RatingValue | None = None
    stated_as: str | None = None
    irm_report: str | None = None


class CorrectedValues:
    """The corrected fields of one subject, by path."""

    def __init__(self, desk: Desk, subject: Subject, changes: Mapping[str, Any]) -> None:
        self._desk = desk
        self._subject = subject
        self._noun = NOUNS[subject.kind]
        self._changes = {_whole(path): value for path, value in changes.items()}

    def fields(self) -> list[str]:
        """Return the rows of the table of rights that the paths belong to; raises Invalid for an unknown path."""
        for path in self._changes:
            self._noun.path_of(path)
        return list(dict.fromkeys(f"{self._subject.kind}/{path.partition('/')[0]}" for path in self._changes))

    def facts(self) -> Facts:
        """Return path → value as the record keeps it; raises Invalid for a value of another form."""
        return {path: self._kept(path, value) for path, value in self._changes.items()}

    def _kept(self, path: str, value: Any) -> Value | None:
        if value is None:
            return None
        form = self._noun.path_of(path).form
        if form is Wording:
            return self._desk.session.wording(words(_text(path, value), FIELD), self._made(path))
        if form is Wordings:
            texts = tuple(self._desk.session.word(each) for each in items(_texts(path, value), FIELD))
            return Wordings(texts, self._made(path))
        if form is Rating:
            return self._rating(path, value)
        if path == "policyAreas":
            return policy_areas(_texts(path, value))
        return tuple(value) if isinstance(value, list) else value  # `say` checks the form

    def _rating(self, path: str, value: Any) -> Rating:
        try:
            given = msgspec.convert({"value": value} if isinstance(value, str) else value, RatingGiven)
        except msgspec.ValidationError as error:
            raise Invalid(f"{path}: {error}", FIELD) from error
        words_of = self._desk.session.word
        stated_as = words_of(words(given.stated_as, FIELD)) if given.stated_as else None
        irm_report = words_of(words(given.irm_report, FIELD)) if given.irm_report else None
        return check_rating(Indicator(path.split("/")[1]), Rating(given.state, given.value, stated_as, irm_report))

    def _made(self, path: str) -> Made:
        known = self._subject.value(path)
        return known.made if isinstance(known, (Wording, Wordings)) else Made.ORIGINAL


def _whole(path: str) -> str:
    """Return the path of a rating for that of its value, which is how `changes` of an entry tell of it."""
    return path.removesuffix("/value") if path.startswith("ratings/") else path


def _text(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{path} is a text", FIELD)
    return value


def _texts(path: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Invalid(f"{path} is a list of texts", FIELD)
    return value
