"""What a reader asks a page for: the moment, the language, and the page's own parameters; and links that keep them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import quote, urlencode

from starlette.requests import Request

from ogpgraph.domain.errors import RefusalCode
from ogpgraph.site.moment import Moment, parse_at, parse_date
from ogpgraph.web.errors import bad_request

LANGUAGES: Final = ("en", "es", "fr")
"""The languages of the pages; the first one where a reader prefers none of them."""
_CHOICE: Final = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")
_NUMBER: Final = re.compile("[0-9]{1,9}")

Values = Mapping[str, tuple[str, ...]]


class PageFailed(Exception):
    """A page cannot be shown: `code` names why, `message` says what to do."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def page_not_found() -> PageFailed:
    """Return the failure of a page whose thing does not exist at the moment that is read."""
    return PageFailed(RefusalCode.NOT_FOUND.value, "", HTTPStatus.NOT_FOUND)


@dataclass(frozen=True)
class PageRequest:
    """A request for a page.

    `path` is the address without parameters, `codes` are its variable parts, `values` the page's own parameters, each
    with the values given, which are not empty. `is_language_named` says that the address names the language.
    """

    path: str
    codes: Mapping[str, str]
    values: Values
    moment: Moment
    language: str
    is_language_named: bool
    origin: str
    """The scheme and host under which the reader knows this server."""

    @classmethod
    def of(cls, request: Request, names: Iterable[str]) -> Self:
        """Return the request for a page with parameters of certain names; others, which trackers add, are left out.

        Raises:
            RequestRejected: 400, if the moment is malformed.
        """
        query = request.query_params
        values = {name: _choose_values(query.getlist(name)) for name in names}
        named = query.get("lang")
        at, as_of = query.get("at"), query.get("asOf")
        return cls(
            path=request.url.path,
            codes=dict(request.path_params),
            values={name: each for name, each in values.items() if each},
            moment=Moment(parse_at(at) if at else None, parse_date(as_of) if as_of else None),
            language=named if named in LANGUAGES else choose_language(request.headers.get("accept-language", "")),
            is_language_named=named in LANGUAGES,
            origin=f"{request.url.scheme}://{request.url.netloc}",
        )

    def one(self, name: str) -> str:
        """Return the value of a parameter, the last one if there are several."""
        return self.values.get(name, ("",))[-1]

    def many(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter."""
        return self.values.get(name, ())

    def without(self, name: str, value: str) -> Self:
        """Return the request without a value of a parameter."""
        return replace(self, values={**self.values, name: tuple(each for each in self.many(name) if each != value)})

    def numbers(self, name: str) -> list[int]:
        """Return all values of a parameter as whole numbers; raises RequestRejected (400) for another one."""
        values = self.many(name)
        if not all(map(_NUMBER.fullmatch, values)):
            raise bad_request(f"`{name}` is a whole number.")
        return [int(each) for each in values]

    def choices(self, name: str, words: Collection[str]) -> tuple[str, ...]:
        """Return all values of a parameter; raises RequestRejected (400) for one that is not among some words."""
        values = self.many(name)
        if unknown := [each for each in values if each not in words]:
            nearest = get_close_matches(unknown[0], words, n=1)
            advice = f"did you mean {nearest[0]}?" if nearest else f"it is one of {', '.join(words)}."
            raise bad_request(f"`{name}` cannot be {unknown[0][:80]}: {advice}")
        return values

    # Links

    @property
    def named_language(self) -> dict[str, str]:
        """Return the parameter that names the language, if the address has it."""
        return {"lang": self.language} if self.is_language_named else {}

    @property
    def kept(self) -> dict[str, str]:
        """Return the parameters that links and forms keep: the moment, and the language if it is named."""
        return self.moment.parameters | self.named_language

    def link(self, path: str, **values: str | Iterable[str] | None) -> str:
        """Return the address of another page at the same moment and in the same language."""
        return _join(path, {**self.kept, **values})

    def link_here(self, **values: str | Iterable[str] | None) -> str:
        """Return the address of this page with other values of some parameters; None takes one away."""
        return _join(self.path, {**self.values, **self.kept, **values})

    def link_at(self, position: int) -> str:
        """Return the permanent address of this page: at a position, in its language."""
        return replace(self, moment=replace(self.moment, at=position)).link_here()


def _choose_values(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stripped for value in values if (stripped := value.strip())))


def _join(path: str, values: Mapping[str, str | Iterable[str] | None]) -> str:
    pairs = [
        (name, each)
        for name, value in values.items()
        if value is not None
        for each in ([value] if isinstance(value, str) else value)
    ]
    encoded = "/" + quote(path, safe="/%").lstrip("/")  # two slashes would begin the name of another server
    return f"{encoded}?{urlencode(pairs)}" if pairs else encoded


def choose_language(accepted: str) -> str:
    """Return the language of the pages that an Accept-Language header (RFC 9110, 12.5.4) prefers."""
    qualities: dict[str, float] = {}
    for part in accepted.split(","):
        if found := _CHOICE.fullmatch(part):
            language, quality = found[1].lower(), float(found[2] or 1)
            qualities[language] = max(quality, qualities.get(language, 0.0))
    return max(LANGUAGES, key=lambda each: (qualities.get(each, 0.0), each == LANGUAGES[0]))
