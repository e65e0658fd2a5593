"""Nouns of the record: which paths a kind of subject has, of what form, and which events may say them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.text import Wording, Wordings
from ogpgraph.domain.vocabulary import CoCreation, Finding, Indicator, OgpValue, RatingState, Stage


def _one_of(words: type[Indicator | Stage | OgpValue | Finding | RatingState | CoCreation]) -> str:
    return "(" + "|".join(words) + ")"


SEGMENTS = {
    "{language}": "[a-z]{2,3}",
    "{number}": r"[0-9A-Za-z][0-9A-Za-z.\-]{0,15}",
    "{indicator}": _one_of(Indicator),
    "{stage}": _one_of(Stage),
    "{ogpValue}": _one_of(OgpValue),
    "{finding}": _one_of(Finding),
    "{state}": _one_of(RatingState),
    "{coCreation}": _one_of(CoCreation),
    "{column}": "[A-Z][A-Z0-9_]{0,79}",
    "{section}": "[A-Z][A-Z0-9_]{0,79}",
    "{time}": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z",
    "{key}": r"[^/\s]{1,200}",
}


_NO_WORD = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_REMEMBERED = 4096  # so many concrete paths of a noun are looked for only once


class Path(Struct, frozen=True):
    """A path of a noun: its pattern (`milestones/{number}/title/{language}`), the form of its value, its meaning.

    `rule` raises Invalid for a value that has the form and still cannot stand at a path.
    """

    pattern: str
    form: Any
    meaning: str
    rule: Callable[[str, Any], object] | None = None

    @property
    def regex(self) -> str:
        """Return the anchored regular expression of the pattern."""
        return "^" + "/".join(SEGMENTS.get(segment, re.escape(segment)) for segment in self.pattern.split("/")) + "$"


class Kind(Struct, frozen=True):
    """A kind of event: what it tells, and which paths (by their beginning) its facts may have."""

    name: str
    meaning: str
    says: tuple[str, ...] = ("",)


class Noun(Struct, frozen=True, dict=True):
    """A kind of subject, with everything that can be said of it."""

    kind: str
    meaning: str
    paths: tuple[Path, ...]
    events: tuple[Kind, ...]

    @cached_property
    def _forms(self) -> list[tuple[re.Pattern[str], Path]]:
        return [(re.compile(path.regex), path) for path in self.paths]

    @cached_property
    def _found(self) -> dict[str, Path]:
        return {}

    def path_of(self, path: str) -> Path:
        """Return the declared path that a concrete path is an instance of; raises Invalid when there is none."""
        if (known := self._found.get(path)) is not None:
            return known
        for regex, declared in self._forms:
            if regex.fullmatch(path):
                if len(self._found) < _REMEMBERED:
                    self._found[path] = declared
                return declared
        raise Invalid(f"a {self.kind} has no {path!r}", path)

    def event(self, name: str) -> Kind:
        """Return the kind of event with that name; raises Invalid when the noun has none."""
        for kind in self.events:
            if kind.name == name:
                return kind
        raise Invalid(f"a {self.kind} has no event {name!r}")

    def check(self, name: str, facts: Facts) -> None:
        """Raise Invalid, naming the path, unless the event may say each of these facts and each value has its form."""
        says = self.event(name).says
        for path, value in facts.items():
            declared = self.path_of(path)
            if not path.startswith(says):
                raise Invalid(f"{name} does not speak of {path!r}", path)
            if value is not None:
                _check_form(path, value, declared.form)
                if declared.rule is not None:
                    declared.rule(path, value)

    def holds_wording(self, path: str) -> bool:
        """Tell whether the values at a path are one wording."""
        return self.path_of(path).form is Wording

    def holds_wordings(self, path: str) -> bool:
        """Tell whether the values at a path are a list of wordings."""
        return self.path_of(path).form is Wordings


def _check_form(path: str, value: object, form: Any) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(value), form)
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}", path) from error
    for word in value if isinstance(value, tuple) else (value,):
        if isinstance(word, str) and _NO_WORD.search(word):
            raise Invalid(f"{path}: {word!r} holds a control character or half a character", path)
