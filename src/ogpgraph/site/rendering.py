"""Renders a page: its template with the data of its document, in the language of the reader."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import babel.dates
import babel.numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ogpgraph.site.charts import draw_bars, draw_steps
from ogpgraph.site.differences import Part, abbreviate, find_differences
from ogpgraph.site.labels import describe_code, describe_path
from ogpgraph.site.views import (
    Words,
    combine_changes,
    covers,
    find_page,
    format_value,
    name_facet,
    name_passage,
    shorten_hash,
)

_HALF: Final = re.compile(r"([0-9]{4})-S([12])")
_QUARTER: Final = re.compile(r"([0-9]{4})-Q([1-4])")
_SKELETONS: Final = {1: "y", 2: "yMMM", 3: "yMMMd"}
"""The parts of a date that are shown, by the number of those that are known (Unicode TR 35)."""
STATIC: Final = {
    "site.css": "text/css; charset=utf-8",
    "site.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def load_static(name: str) -> bytes:
    """Return the content of a file that pages load."""
    return (files("ogpgraph.site") / "static" / name).read_bytes()


@cache
def static_path(name: str) -> str:
    """Return the address of a file that pages load, which changes with its content."""
    return f"/static/{sha256(load_static(name)).hexdigest()[:12]}/{name}"


@cache
def compute_version() -> str:
    """Return the hash of all files of this package: pages of another version may show the same data otherwise."""
    digest, waiting = sha256(), [files("ogpgraph.site")]
    while waiting:
        each = waiting.pop()
        if each.is_dir():
            waiting += sorted((child for child in each.iterdir() if child.name != "__pycache__"), key=_name_of)
        else:
            digest.update(each.name.encode() + each.read_bytes())
    return digest.hexdigest()


@cache
def load_translations(language: str) -> NullTranslations:
    """Return the catalogue of a language; those of English are the texts themselves."""
    if language == "en":
        return NullTranslations()
    text = (files("ogpgraph.site") / "locale" / f"{language}.po").read_bytes()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(text), locale=language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def build_environment(language: str) -> Environment:
    """Return the environment of the templates in a language, with the filters that format by it."""
    environment = Environment(
        loader=PackageLoader("ogpgraph.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = load_translations(language)
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]  # of the extension
    words, translate = build_words(language), translations.gettext
    environment.filters |= {
        "label": words.label,
        "path_label": lambda path: describe_path(path, translate),
        "date": partial(format_date, language=language),
        "time": partial(format_time, language=language),
        "partial_date": partial(format_partial_date, language=language, translate=translate),
        "number": partial(babel.numbers.format_decimal, locale=language),
        "value": partial(format_value, words=words),
        "difference": partial(mark_differences, words=words),
        "highlighted": mark_highlights,
        "combined": combine_changes,
        "covers": covers,
        "facet": partial(name_facet, words=words),
        "short_hash": shorten_hash,
        "passage_id": name_passage,
        "page_path": find_page,
        "bars": draw_bars,
        "steps": draw_steps,
    }
    environment.globals |= {"static_path": static_path}
    return environment


def _name_of(file: Traversable) -> str:
    return file.name


def build_words(language: str) -> Words:
    """Return how values and sentences are named in a language."""
    translate = load_translations(language).gettext
    return Words(lambda code: translate(describe_code(code)), translate)


def render(template: str, language: str, values: Mapping[str, Any]) -> str:
    """Return a template's text with values, in a language."""
    return build_environment(language).get_template(f"{template}.html").render(values)


# How values are written


def parse_time(text: str) -> datetime:
    """Return the moment of a DateTime."""
    return datetime.fromisoformat(text)


def format_date(text: str, language: str) -> str:
    """Return the day of a DateTime in UTC."""
    return babel.dates.format_skeleton("yMMMd", parse_time(text).astimezone(UTC), locale=language)


def format_time(text: str, language: str) -> str:
    """Return a DateTime in UTC, to the minute."""
    moment = parse_time(text).astimezone(UTC)
    clock = babel.dates.format_time(moment, "HH:mm", locale=language)
    return f"{format_date(text, language)}, {clock} UTC"


def format_partial_date(text: str, language: str, translate: Callable[[str], str]) -> str:
    """Return a date as precise as it was published."""
    if found := _HALF.fullmatch(text):
        half = translate("first half of %(year)s") if found[2] == "1" else translate("second half of %(year)s")
        return half % {"year": found[1]}
    if found := _QUARTER.fullmatch(text):
        return translate("quarter %(number)s of %(year)s") % {"number": found[2], "year": found[1]}
    if text.endswith("/.."):
        return translate("%(year)s or later") % {"year": text.removesuffix("/..")}
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, 1, 1)[:3]
    return babel.dates.format_skeleton(_SKELETONS[len(parts)], date(year, month, day), locale=language)


def mark_differences(change: Mapping[str, Any], whole: bool = False, *, words: Words) -> Markup:
    """Return the values before and after a change, with what differs as `<del>` and `<ins>`.

    Screen readers read neither, so each has a word for it that only they see.
    """
    before, after = (format_value(change[name], change["path"], words) for name in ("before", "after"))
    pieces = []
    differences = find_differences(before, after)
    for part, text in differences if whole else abbreviate(differences):
        if part is Part.KEPT:
            pieces.append(Markup.escape(text))
        elif part is Part.REMOVED:
            pieces.append(_MARKS["del"].format(words.translate("removed:"), text, words.translate("end of removed")))
        else:
            pieces.append(_MARKS["ins"].format(words.translate("added:"), text, words.translate("end of added")))
    return Markup("").join(pieces)


def mark_highlights(snippet: Mapping[str, Any]) -> Markup:
    """Return the text of a snippet with its highlights as `<mark>`."""
    text, pieces, end = snippet["text"], [], 0
    for each in snippet["highlights"]:
        pieces.append(Markup("{}<mark>{}</mark>").format(text[end : each["start"]], text[each["start"] : each["end"]]))
        end = each["end"]
    return Markup("").join([*pieces, text[end:]])


_MARKS: Final = {
    "del": Markup('<del><span class="spoken">{} </span>{}<span class="spoken"> {} </span></del>'),
    "ins": Markup('<ins><span class="spoken">{} </span>{}<span class="spoken"> {} </span></ins>'),
}
