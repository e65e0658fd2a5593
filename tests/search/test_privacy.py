"""Masked and removed texts are never found, completed, suggested, counted or shown, now or at a past position."""

from __future__ import annotations

import json

import pytest

from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.commitment import register_commitment
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import register_member
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.domain.values import TextListValue
from ogpgraph.readmodel.search_index import SEARCHED_FIELDS
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import read_position
from tests.importer.sample_pages import FERRIES, Sibling, import_sample_page
from tests.search.client import search, search_at

CONTACT = "Print the tables. Contact: Janet Doherty, janet@gov.example, +598 2 555 0134. The plan runs 2018-2020."
SECRETS = ("Janet", "Doherty", "janet@gov.example", "gov.example", "0134", "5550134")
SEARCHES = (
    *SECRETS,
    "janet doherty",
    '"Janet Doherty"',
    '"Contact: Janet Doherty"',
    "jan*",
    "doh*",
    "Jannet",
    "Dohertey",
    "janetgovexample",
    "description:doherty",
    "institution:janet",
    "contact doherty",
    "555",
    "598",
    "█",
    "████████",
    '"Contact ██████"',
)


def require_hidden(system: System, position: int) -> None:
    """Require that no search finds, counts or shows what is masked, now or at a position."""
    for query in SEARCHES:
        for answer in (json.dumps(search(system, query)), search_at(system, query, position).decode()):
            assert not any(secret in answer for secret in SECRETS), query
            assert "oherty" not in answer
    for query in ("█", "████████", *SECRETS, '"Janet Doherty"', "doh*", "description:doherty", "institution:janet"):
        assert search(system, query)["totalCount"] == 0, query
        assert search(system, query)["suggestions"] == [], query


@BOTH_ENGINES
def test_masked_personal_data_is_never_found_or_shown(system: System) -> None:
    page = FERRIES.with_changes(
        description=CONTACT,
        lead="Ministry of Ferries, janet@gov.example",
        siblings=[Sibling("UY0902", "Ask janet@gov.example or Contact: Janet Doherty")],
    )
    import_sample_page(system, page)
    first = read_position(system)
    require_hidden(system, first)
    import_sample_page(system, page.with_changes(description="Print the tables."), 2)
    require_hidden(system, first)
    (node,) = [node for node in search(system, "ferries")["nodes"] if node["item"].get("code") == "UY0901"][:1]
    assert "█" not in node["snippet"]["text"] or "@" not in node["snippet"]["text"]


def test_masked_personal_data_is_found_in_no_field(system: System) -> None:
    system.executor.execute(
        CommandContext(actor="publisher", role="administrator", time=system.clock()), record_contact_in_every_field
    )
    system.projection.catch_up()
    assert len(search(system, "tables")["nodes"]) > 3  # of the plan, the commitment, its milestone and its narrative
    require_hidden(system, read_position(system))


def record_contact_in_every_field(uow: UnitOfWork) -> None:
    """Record a text with personal data in every field that is searched, and in a translation."""
    text, texts = uow.text_value(CONTACT), TextListValue((uow.text_ref(CONTACT),))
    member = register_member(uow, "URY", {"name/en": text, "prefix": "UY"})
    own: Facts = {"member": member.id, "cycle": 2018, "status": "ACTIVE"}
    plan = register_action_plan(uow, "URY-2018", own | {"title/en": text})
    facts: Facts = dict.fromkeys(("title/en", "title/es", "description/en", "commitmentText/en", "theme/en"), text)
    facts |= dict.fromkeys(("leadInstitutions/en", "supportingInstitutions/en"), texts)
    facts |= {"milestones/1.1/title/en": text, "narratives/DESIGN/OVERVIEW/en": text}
    facts["milestones/1.1/updates/2020-01-01T00:00:00.000000Z/en"] = text
    register_commitment(uow, "UY0901", own | {"actionPlan": plan.id} | facts)
    written = {"name", "title", *(path.partition("/")[0] for path in facts)}
    assert written >= {field.prefix.partition("/")[0] for field in SEARCHED_FIELDS.fields}


@BOTH_ENGINES
def test_what_stands_beside_masked_data_is_found_and_shown_with_the_mask(system: System) -> None:
    import_sample_page(system, FERRIES.with_changes(description=CONTACT))
    result = search(system, "description:contact")
    (node,) = result["nodes"]
    snippet = node["snippet"]
    assert "Contact: █████████████" in snippet["text"]
    assert [snippet["text"][each["start"] : each["end"]] for each in snippet["highlights"]] == ["Contact"]


@BOTH_ENGINES
@pytest.mark.parametrize(
    "query", ["lighthouses", "lighthous*", '"open lighthouses"', "lighthuoses", "title:lighthouses"]
)
def test_a_removed_text_is_never_found_or_shown(system: System, query: str) -> None:
    import_sample_page(system, FERRIES.with_changes(title="Open Lighthouses", description="Print the tables."))
    before = read_position(system)
    import_sample_page(system, FERRIES.with_changes(title="Open Harbours", description="Print the tables."), 2)
    assert b"ighthouses" in search_at(system, query, before)
    remove_texts(system, "Lighthouses")
    for answer in (json.dumps(search(system, query)), search_at(system, query, before).decode()):
        assert "ighthouses" not in answer
        assert '"nodes":[]' in answer.replace(" ", "")


@BOTH_ENGINES
def test_a_removed_text_that_is_stated_again_is_found_wherever_it_was(system: System) -> None:
    import_sample_page(system, FERRIES.with_changes(title="Open Lighthouses", description="Print the tables."))
    before = read_position(system)
    import_sample_page(system, FERRIES.with_changes(title="Open Harbours", description="Print the tables."), 2)
    found_before = search_at(system, "lighthouses", before)
    remove_texts(system, "Lighthouses")
    assert search(system, "lighthouses")["totalCount"] == 0
    import_sample_page(system, FERRIES.with_changes(title="Open Lighthouses", description="Print the tables."), 3)
    assert search_at(system, "lighthouses", before) == found_before
    assert search(system, "lighthouses")["totalCount"] > 0


def remove_texts(system: System, word: str) -> None:
    """Remove the texts that contain a word, as a redaction does."""
    with system.database.write() as transaction:
        transaction.execute("delete from stored_text where content like :pattern", pattern=f"%{word}%")
        transaction.execute("update log set redaction_version = redaction_version + 1")
