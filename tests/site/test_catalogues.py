from __future__ import annotations

import io
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from ogpgraph.site.labels import all_words, describe_code, describe_path
from ogpgraph.site.page_request import LANGUAGES

SITE = Path(__file__).parents[2] / "src" / "ogpgraph" / "site"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "translate": None}
TRANSLATED = [language for language in LANGUAGES if language != "en"]


@cache
def find_messages() -> frozenset[str | tuple[str, str]]:
    """Return the texts of templates and programs, and the words for codes; a pair has a singular and a plural."""
    extracted = extract_from_dir(
        SITE,
        [("templates/**.html", "jinja2"), ("**.py", "python")],
        {"templates/**.html": {"silent": "false"}},
        KEYWORDS,
    )
    texts = {each if isinstance(each, str) else (each[0], each[1]) for _, _, each, _, _ in extracted}
    return frozenset(texts | set(all_words()))


@cache
def load_catalogue(language: str) -> Catalog:
    return read_po(io.BytesIO((files("ogpgraph.site") / "locale" / f"{language}.po").read_bytes()), locale=language)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_translates_exactly_what_the_pages_say(language: str) -> None:
    translated = {each.id for each in load_catalogue(language) if each.id}
    assert find_messages() - translated == set()
    assert translated - find_messages() == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_text_and_is_not_empty(language: str) -> None:
    for message in load_catalogue(language):
        if not message.id:
            continue
        source = message.id if isinstance(message.id, str) else message.id[0]
        for text in [message.string] if isinstance(message.string, str) else message.string or [""]:
            assert text
            assert set(re.findall(r"%\(\w+\)s", text)) == set(re.findall(r"%\(\w+\)s", source))


@pytest.mark.parametrize(
    ("code", "words"),
    [("NOT_STARTED", "Not started"), ("MilestoneAdded", "Milestone added"), ("irmReports", "IRM reports")],
)
def test_codes_have_words(code: str, words: str) -> None:
    assert describe_code(code) == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("ratings/COMPLETION/END_OF_TERM/value", "Rating: Completion, End of term"),
        ("milestones/14.1/endsOn", "Milestone: 14.1, Ends on"),
        ("milestones/IVA/status", "Milestone: IVA, Status"),
        ("codes/TN0001", "Codes: TN0001"),
        ("title/es", "Title: es"),
        ("policyAreas", "Policy areas"),
        ("predecessors/commitment-d21a0437daf15ff0ae3d2106e7bfb515", "Predecessors"),
    ],
)
def test_paths_have_words(path: str, words: str) -> None:
    assert describe_path(path, lambda text: text) == words
