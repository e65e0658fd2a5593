"""The import of pages: two long pages in any order, the evidence of each value, lists, members and plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ogpgraph.domain.member_table import member_of_commitment_code
from ogpgraph.domain.renumbering import renumber_milestone
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.domain.values import ReportedRating
from ogpgraph.importer.pages.extraction import ExtractedValue
from ogpgraph.importer.pages.page import read_page
from ogpgraph.system import System
from tests.conftest import SystemFactory
from tests.graphql.client import dump_state, execute_query, read_position
from tests.importer.sample_pages import (
    LIBRARIES,
    LIGHTHOUSE,
    LIMIT,
    SEED_EN,
    SEED_ES,
    Page,
    Sibling,
    count_events,
    day,
    import_sample_page,
)

with_seeds = pytest.mark.skipif(not (SEED_EN.exists() and SEED_ES.exists()), reason="the sample pages are not here")
OWN = pytest.param(LIGHTHOUSE, LIBRARIES, id="own")
SEEDS = pytest.param(SEED_EN, SEED_ES, id="seeds", marks=with_seeds)
TWO_PAGES = pytest.mark.parametrize(("english", "spanish"), [OWN, SEEDS])


@pytest.fixture
def seeds(make_system: SystemFactory) -> System:
    system = make_system("seeds")
    import_sample_page(system, SEED_EN)
    import_sample_page(system, SEED_ES)
    return system


# Two whole pages


@TWO_PAGES
def test_two_pages_give_the_same_state_in_either_order(
    make_system: SystemFactory, english: Path, spanish: Path
) -> None:
    one, other = make_system("one"), make_system("other")
    for system, pages in ((one, (english, spanish)), (other, (spanish, english))):
        for page in pages:
            import_sample_page(system, page)
    assert dump_state(one) == dump_state(other)


@TWO_PAGES
def test_two_pages_of_different_days_give_the_same_state_in_either_order(
    make_system: SystemFactory, english: Path, spanish: Path
) -> None:
    one, other = make_system("one"), make_system("other")
    import_sample_page(one, english, 3)
    import_sample_page(one, spanish, 5)
    import_sample_page(other, spanish, 5)
    import_sample_page(other, english, 3)
    assert dump_state(one) == dump_state(other)


@TWO_PAGES
def test_the_same_file_again_is_only_observed_again(system: System, english: Path, spanish: Path) -> None:
    for page in (english, spanish):
        import_sample_page(system, page, day(1))
    before, state = read_position(system), dump_state(system)
    for page in (english, spanish):
        again = import_sample_page(system, page, day(2))
        assert (again.outcome, count_events(again)) == ("seen again", {"SourceObservedUnchanged": 2})
        assert count_events(import_sample_page(system, page, day(2, 12))) == {}
    assert read_position(system) == before + 4
    unseen = {code: each | {"lastObservedAt": None} for code, each in state.items()}
    assert {code: each | {"lastObservedAt": None} for code, each in dump_state(system).items()} == unseen


def test_an_unchanged_page_is_recorded_once_a_day(system: System) -> None:
    page = Page()
    for at in (1, 2, 3):
        import_sample_page(system, page, at)
    assert [
        entry["kind"] for entry in execute_query(system, "{ entries(last: 2) { nodes { kind } } }")["entries"]["nodes"]
    ] == [
        "SourceObservedUnchanged",
        "SourceObservedUnchanged",
    ]


# The content of OGP's pages as people read it.


@with_seeds
def test_the_seeds_contain_france_and_its_two_plans(seeds: System) -> None:
    found = execute_query(
        seeds,
        """{ member(code: "FR") { code name nameEs: name(language: "es") type region commitments { totalCount }
             actionPlans { nodes { title cycle startsOn endsOn commitments { totalCount } } } } }""",
    )["member"]
    assert (found["code"], found["name"], found["nameEs"]) == ("FRA", "France", "Francia")
    assert found["commitments"]["totalCount"] == 50
    assert found["actionPlans"]["nodes"] == [
        {"title": None, "cycle": 2015, "startsOn": None, "endsOn": None, "commitments": {"totalCount": 29}},
        {
            "title": "France Action Plan 2018-2020",
            "cycle": 2018,
            "startsOn": "2018",
            "endsOn": "2020",
            "commitments": {"totalCount": 21},
        },
    ]


@with_seeds
def test_five_french_commitments_are_starred_and_48_are_known_from_lists_only(seeds: System) -> None:
    found = execute_query(
        seeds,
        """{ starred: commitments(where: {starred: true}) { nodes { code starred } }
             listed: commitments(where: {listedOnly: true}) { totalCount nodes { listedOnly } }
             read: commitments(where: {listedOnly: false}) { nodes { code listedOnly } } }""",
    )
    assert [each["code"] for each in found["starred"]["nodes"]] == ["FR0004", "FR0009", "FR0015", "FR0018", "FR0026"]
    assert found["listed"]["totalCount"] == 48
    assert all(each["listedOnly"] for each in found["listed"]["nodes"])
    assert found["read"]["nodes"] == [{"code": "FR0039", "listedOnly": False}, {"code": "FR0043", "listedOnly": False}]


@with_seeds
def test_the_english_seed_is_read_into_fr0043(seeds: System) -> None:
    found = execute_query(
        seeds,
        """{ commitment(code: "FR0043") { number title status cycle startsOn endsOn languages
             leadInstitutions supportingInstitutions policyAreas irmReports
             milestones { number title startsOn endsOn }
             actionPlan { title cycle } member { code }
             impact: ratings(indicator: POTENTIAL_IMPACT) { state }
             claims(path: "supportingInstitutions") { value } } }""",
    )["commitment"]
    assert (found["number"], found["title"], found["status"]) == ("14", "Govtech Summit", "ACTIVE")
    assert (found["startsOn"], found["endsOn"]) == ("2018", "2020")
    assert found["actionPlan"] == {"title": "France Action Plan 2018-2020", "cycle": 2018}
    assert found["milestones"] == [
        {
            "number": "14.1",
            "title": "Organise an international summit on open government and support for GovTech startups "
            "as early as 2018",
            "startsOn": "2018-S2",
            "endsOn": "2018-S2",
        },
        {
            "number": "14.2",
            "title": "Hold the summit again in 2019 and beyond",
            "startsOn": "2019",
            "endsOn": "2019/..",
        },
    ]
    assert found["leadInstitutions"] == ["Minister of State for the Digital Sector, attached to the Prime Minister"]
    assert found["supportingInstitutions"] == []
    assert found["claims"] == [{"value": []}], "that there are none is stated, not missing"
    assert found["policyAreas"] == ["Capacity Building", "Science & Technology"]
    assert found["irmReports"] == ["France Design Report 2018-2020"]
    assert found["impact"] == [], "absent is not pending"


@with_seeds
def test_header_ratings_of_fr0043_are_pending_except_that_it_is_verifiable(seeds: System) -> None:
    query = """{ commitment(code: "FR0043") {
                 ratings { indicator stage state value statedAs statedIn } starred } }"""
    found = execute_query(seeds, query)["commitment"]
    ratings = {each["indicator"]: (each["state"], each["value"]) for each in found["ratings"]}
    pending = ("PENDING", None)
    assert ratings == {
        "VERIFIABLE": ("RATED", "YES"),
        "RELEVANCE": pending,
        "COMPLETION": pending,
        "EARLY_RESULTS": pending,
        "STARRED": pending,
    }
    assert {each["statedIn"] for each in found["ratings"]} == {"HEADER"}
    assert found["starred"] is False


@with_seeds
def test_relevance_by_header_and_by_narrative_are_two_claims(seeds: System) -> None:
    query = """{ commitment(code: "FR0043") { claims(path: "ratings/RELEVANCE") {
                 path isCurrent statedIn value source { type code language } } } }"""
    claims = execute_query(seeds, query)["commitment"]["claims"]
    by_origin = {
        each["statedIn"]: (each["isCurrent"], each["value"]["state"], each["value"].get("value")) for each in claims
    }
    assert by_origin == {"HEADER": (True, "PENDING", None), "NARRATIVE": (False, "RATED", "NO")}
    assert {tuple(each["source"].values()) for each in claims} == {("PAGE", "FR0043", "en")}


@with_seeds
def test_the_irms_text_is_separate_from_the_governments(seeds: System) -> None:
    query = '{ commitment(code: "FR0043") { description commitmentText narratives { stage section language text } } }'
    found = execute_query(seeds, query)["commitment"]
    sections = {each["section"]: each["text"] for each in found["narratives"]}
    assert sections.keys() >= {"CONTEXT_AND_OBJECTIVES", "NEXT_STEPS", "FOOTNOTES"}
    assert {(each["stage"], each["language"]) for each in found["narratives"]} == {("MIDTERM", "en")}
    assert sections["CONTEXT_AND_OBJECTIVES"].startswith("This commitment aims to build on the work")
    assert sections["NEXT_STEPS"].startswith("Given that this summit has already taken place")
    assert "Youtube" in sections["FOOTNOTES"]
    assert found["description"].startswith("Organize an international GovTech summit in France")
    assert "IRM researcher" not in found["description"] + found["commitmentText"]


@with_seeds
def test_the_spanish_seed_is_a_translation_of_the_same_commitment(seeds: System) -> None:
    found = execute_query(
        seeds,
        """{ commitment(code: "fr0039") { title es: title(language: "es") en: title(language: "en") languages
             description milestones { number title } supportingInstitutions policyAreas
             localizedTexts { path language translationKind } history { nodes { kind cause } } } }""",
    )["commitment"]
    assert (found["title"], found["es"]) == ("Public Service Incubators", "Incubadoras de servicio público")
    assert found["languages"] == ["en", "es"]
    assert [each["number"] for each in found["milestones"]] == ["10.1", "10.2"]
    assert found["milestones"][0]["title"] == "lanza incubadoras ministeriales de 3 a 5"
    assert {each["translationKind"] for each in found["localizedTexts"] if each["language"] == "es"} == {"MACHINE"}
    assert found["policyAreas"] == ["Capacity Building", "Public Service Delivery", "Science & Technology"]
    assert {"kind": "CommitmentTranslated", "cause": "TRANSLATION"} in found["history"]["nodes"]


@with_seeds
def test_text_of_the_site_around_a_page_is_not_stored(seeds: System) -> None:
    with seeds.database.read() as transaction:
        stored = [row["content"] for row in transaction.fetch_all("select content from stored_text")]
    site = ("Skip Navigation", "Saltar navegación", "Do NOT follow", "NO siga este enlace", "banned", "Design i")
    assert not [text for text in stored for words in site if words.lower() in text.lower()]


# Evidence

EVIDENCE = """
query Evidence($code: String!) { commitment(code: $code) { claims {
  path value statedIn isCurrent source { stableId type code language }
  evidence { path quote source { stableId } }
  entry { id kind source { stableId } evidence { path start end quote source { stableId type } } }
} } }
"""


@TWO_PAGES
def test_every_value_has_evidence_that_quotes_the_text_it_was_read_from(
    system: System, english: Path, spanish: Path
) -> None:
    for file in (english, spanish):
        import_sample_page(system, file)
    for file in (english, spanish):
        page = read_page(file.read_bytes(), limit_bytes=LIMIT)
        claims = execute_query(system, EVIDENCE, code=page.code)["commitment"]["claims"]
        read = [(origin, path, each) for origin, facts in page.facts.items() for path, each in facts.items()]
        assert len(read) > 20
        for origin, path, extracted in read:
            (claim,) = [
                each
                for each in claims
                if (each["path"], each["statedIn"]) == (path, origin) and each["source"]["code"] == page.code
            ]
            assert read_quote(claim) == extracted.span.of(page.text)
            assert_same_value(claim["value"], extracted)


def read_quote(claim: dict[str, Any]) -> str:
    """Return the quote of a claim, after checking that it is the same through every field that leads to it."""
    (evidence,) = claim["evidence"]
    (same,) = [each for each in claim["entry"]["evidence"] if each["path"] == claim["path"]]
    assert evidence["quote"] == same["quote"]
    assert len({each["source"]["stableId"] for each in (same, claim["entry"], claim, evidence)}) == 1
    quote = same["quote"]
    assert isinstance(quote, str)
    assert len(quote) == same["end"] - same["start"]
    return quote


def assert_same_value(value: Any, extracted: ExtractedValue) -> None:
    if isinstance(extracted.value, ReportedRating):
        assert value["statedAs"] == extracted.value.stated_as
        assert (value["state"], value.get("value")) == (extracted.value.state, extracted.value.value)
    elif isinstance(extracted.value, tuple):
        assert value == list(extracted.value)
    else:
        assert value == extracted.value


@TWO_PAGES
def test_every_entry_of_the_list_has_evidence_that_quotes_it(system: System, english: Path, spanish: Path) -> None:
    for file in (english, spanish):
        assert_evidence_of_list(system, file)


def assert_evidence_of_list(system: System, file: Path) -> None:
    import_sample_page(system, file)
    page = read_page(file.read_bytes(), limit_bytes=LIMIT)
    assert page.siblings
    member = member_of_commitment_code(page.code)
    assert member
    source = (member.code, page.language)
    for sibling in page.siblings.entries:
        if sibling.code == page.code:
            continue
        claims = execute_query(system, EVIDENCE, code=sibling.code)["commitment"]["claims"]
        ours = [each for each in claims if (each["source"]["code"], each["source"]["language"]) == source]
        quotes = {claim["path"]: read_quote(claim) for claim in ours}
        identifying = ("code", "member", f"codes/{sibling.code}")
        assert {quotes.pop(path, sibling.code) for path in identifying} == {sibling.code}
        assert quotes.pop("cycle") == quotes.pop("actionPlan") == str(sibling.cycle)
        text = page.siblings.text
        assert quotes == {path: each.span.of(text) for path, each in sibling.facts.items()}


@TWO_PAGES
def test_the_blame_of_each_value_leads_to_entry_evidence_and_source(
    system: System, english: Path, spanish: Path
) -> None:
    for file in (english, spanish):
        import_sample_page(system, file)
    query = """{ commitments { nodes { ...B } } actionPlans { nodes { ...B } } }
               fragment B on Subject { stableId blame { path evidence { quote }
                 entry { kind subject { stableId } source { code } evidence { path quote source { code } } } } }"""
    lists = execute_query(system, query)
    for subject in [node for each in lists.values() for node in each["nodes"]]:
        assert subject["blame"]
        for blame in subject["blame"]:
            entry = blame["entry"]
            assert entry["subject"]["stableId"] == subject["stableId"]
            assert entry["source"], blame["path"]
            quotes = [each["quote"] for each in entry["evidence"] if each["path"] == blame["path"]]
            assert len(quotes) == 1, (blame["path"], entry["kind"])
            assert quotes[0]
            assert blame["evidence"] == [{"quote": quotes[0]}]


# Siblings

MAPS = Sibling("UY0902", "Map Lending")


@pytest.mark.parametrize("own_first", [True, False])
def test_a_list_never_overrides_the_commitments_own_pages(system: System, own_first: bool) -> None:
    own = Page("UY0902", "Libraries Lend Maps", siblings=[Sibling("UY0901", "Ferries")])
    other = Page("UY0901", "Ferry Tables", siblings=[Sibling("UY0902", "Map Lending", area="Youth")])
    pages = [(own, 1), (other, 9)]
    for page, at in pages if own_first else reversed(pages):
        import_sample_page(system, page, at)
    query = """{ commitments { nodes { code title policyAreas listedOnly claims(path: "title/en") {
                 value isCurrent statedIn } } } }"""
    found = {each["code"]: each for each in execute_query(system, query)["commitments"]["nodes"]}
    assert {code: (each["title"], each["listedOnly"]) for code, each in found.items()} == {
        "UY0901": ("Ferry Tables", False),
        "UY0902": ("Libraries Lend Maps", False),
    }
    assert found["UY0902"]["policyAreas"] == ["Open Data"]
    assert {(c["value"], c["isCurrent"], c["statedIn"]) for c in found["UY0902"]["claims"]} == {
        ("Libraries Lend Maps", True, "HEADER"),
        ("Map Lending", False, "SIBLING_LIST"),
    }


def test_a_commitment_removed_from_the_list_has_only_its_code_and_history(
    system: System,
) -> None:
    import_sample_page(system, Page(siblings=[MAPS, Sibling("UY0903", "Bridges")]), 1)
    import_sample_page(system, Page(siblings=[Sibling("UY0903", "Bridges")]), 4)
    query = """{ commitment(code: "UY0902") { code title cycle actionPlan { code } member { code }
                 history(last: 1) { nodes { position cause changedBetween { after before }
                                            changes { path before after } } } } }"""
    found = execute_query(system, query)["commitment"]
    assert (found["code"], found["title"], found["cycle"], found["actionPlan"]) == ("UY0902", None, None, None)
    assert found["member"] == {"code": "URY"}
    (entry,) = found["history"]["nodes"]
    assert entry["cause"] == "SOURCE_CHANGED"
    assert entry["changedBetween"] == {"after": "2021-03-01T00:00:00.000000Z", "before": "2021-03-04T00:00:00.000000Z"}
    assert {change["path"] for change in entry["changes"]} == {"title/en", "cycle", "actionPlan", "policyAreas"}
    assert {change["after"] for change in entry["changes"]} == {None}
    then = execute_query(
        system,
        'query ($at: Position!) { at(position: $at) { commitment(code: "UY0902") { title } } }',
        at=entry["position"] - 1,
    )
    assert then["at"]["commitment"]["title"] == "Map Lending"


def test_a_commitment_that_returns_to_the_list_has_its_facts_again(system: System) -> None:
    for at, siblings in ((1, [MAPS]), (2, []), (3, [MAPS])):
        import_sample_page(system, Page(siblings=[*siblings, Sibling("UY0903", "Bridges")]), at)
    assert execute_query(system, '{ commitment(code: "UY0902") { title cycle } }')["commitment"] == {
        "title": "Map Lending",
        "cycle": 2018,
    }


def test_a_late_list_leaves_the_present_unchanged(system: System) -> None:
    import_sample_page(system, Page(siblings=[Sibling("UY0903", "Bridges and Fords")]), 9)
    import_sample_page(system, Page(siblings=[MAPS, Sibling("UY0903", "Bridges")]), 2)
    query = """{ commitments(where: {code: {in: ["UY0902", "UY0903"]}}) { nodes { code title member { code }
                 blame(path: "title/en") { changedBetween { after before } }
                 history { nodes { kind isLate evidence { path quote } } } } } }"""
    gone, kept = execute_query(system, query)["commitments"]["nodes"]
    assert (gone["code"], gone["title"], gone["member"]) == ("UY0902", None, {"code": "URY"})
    # The later list does not have it: that it is gone since is recorded with what the older list has.
    seen_earlier = ["CommitmentSeenEarlier"] * 2
    assert [each["kind"] for each in gone["history"]["nodes"]] == ["CommitmentRegistered", *seen_earlier]
    assert {"path": "title/en", "quote": "Map Lending"} in gone["history"]["nodes"][1]["evidence"]
    assert kept["title"] == "Bridges and Fords"
    assert kept["blame"] == [
        {"changedBetween": {"after": "2021-03-02T00:00:00.000000Z", "before": "2021-03-09T00:00:00.000000Z"}}
    ]


def test_lists_in_two_languages_are_two_sources_of_one_commitment(system: System) -> None:
    import_sample_page(system, LIGHTHOUSE)
    import_sample_page(system, LIBRARIES)
    found = execute_query(system, '{ commitment(code: "UY0903") { languages sources { type code language } } }')[
        "commitment"
    ]
    assert found == {
        "languages": ["en", "es"],
        "sources": [
            {"type": "COMMITMENT_LIST", "code": "URY", "language": "en"},
            {"type": "COMMITMENT_LIST", "code": "URY", "language": "es"},
        ],
    }


# Members and plans


def test_the_plan_of_a_page_without_a_cycle_is_found_by_the_years_of_its_title(system: System) -> None:
    text = Page().text.replace("Action Plan Cycle: 2018\n\n", "")
    import_sample_page(system, text.encode())
    plan = execute_query(system, '{ commitment(code: "UY0901") { cycle actionPlan { title cycle startsOn endsOn } } }')
    assert plan["commitment"] == {
        "cycle": None,
        "actionPlan": {
            "title": "Uruguay Action Plan 2018-2020",
            "cycle": None,
            "startsOn": "2018",
            "endsOn": "2020",
        },
    }
    import_sample_page(system, Page("UY0902", "Maps"))
    plans = execute_query(system, "{ actionPlans { nodes { cycle commitments { totalCount } } } }")["actionPlans"][
        "nodes"
    ]
    assert plans == [{"cycle": 2018, "commitments": {"totalCount": 2}}], "the cycle became known by another page"


def test_a_late_page_may_be_the_first_of_a_plan(system: System) -> None:
    import_sample_page(system, Page(siblings=[MAPS]), 9)
    import_sample_page(
        system, Page(plan="Uruguay Action Plan 2016-2018").text.replace("Cycle: 2018", "Cycle: 2016").encode(), 2
    )
    plans = execute_query(system, "{ actionPlans { nodes { code cycle title } } }")["actionPlans"]["nodes"]
    assert plans == [
        {"code": "URY-2016", "cycle": 2016, "title": "Uruguay Action Plan 2016-2018"},
        {"code": "URY-2018", "cycle": 2018, "title": "Uruguay Action Plan 2018-2020"},
    ]
    assert execute_query(system, '{ commitment(code: "UY0901") { actionPlan { code } } }')["commitment"] == {
        "actionPlan": {"code": "URY-2018"}
    }


@pytest.mark.parametrize("days", [(2, 9), (9, 2)])
def test_the_title_of_a_plan_is_the_one_first_observed_last(system: System, days: tuple[int, int]) -> None:
    names = {2: "Uruguay Action Plan 2018-2020", 9: "Fourth Action Plan of Uruguay 2018-2021"}
    for at in days:
        import_sample_page(system, Page(plan=names[at]), at)
    plan = execute_query(
        system,
        """{ actionPlans { nodes { title endsOn blame(path: "title") { changedBetween { after before } } } } }""",
    )["actionPlans"]["nodes"]
    assert plan == [
        {
            "title": names[9],
            "endsOn": "2021",
            "blame": [
                {"changedBetween": {"after": "2021-03-02T00:00:00.000000Z", "before": "2021-03-09T00:00:00.000000Z"}}
            ],
        }
    ]


# Bad input


# Interrupted


def test_an_unknown_policy_area_is_stored_and_reported(system: System) -> None:
    report = import_sample_page(system, Page(siblings=[Sibling("UY0902", "Maps", area="Lantern Policy"), MAPS]))
    assert [(each.kind, each.text) for each in report.remarks if "area" in each.kind] == [
        ("sibling-unknown-policy-area", "Lantern Policy")
    ]
    assert execute_query(system, '{ commitment(code: "UY0902") { policyAreas } }')["commitment"] == {
        "policyAreas": ["Lantern Policy"]
    }


# Milestones with other numbers


def milestones(system: System) -> list[tuple[str, str]]:
    query = '{ commitment(code: "UY0901") { milestones { number title } } }'
    return [(each["number"], each["title"]) for each in execute_query(system, query)["commitment"]["milestones"]]


def renumber(system: System, number: str, new_number: str) -> None:
    context = CommandContext(actor="reporter", role="reporter", time=system.clock())
    system.execute(
        context, lambda uow: renumber_milestone(uow, uow.require_by_code("commitment", "UY0901"), number, new_number)
    )


def test_a_page_that_prints_the_former_number_of_a_milestone_states_it_under_its_number(system: System) -> None:
    page = Page(description="Print the tables.\n\n01.1. Build the archive\n\n1.2. Open the archive")
    import_sample_page(system, page, 1)
    assert milestones(system) == [("1.1", "Build the archive"), ("1.2", "Open the archive")]
    renumber(system, "1.1", "2.1")
    for description, title in (
        (page.description + "\n\nMore.", "Build the archive"),
        (page.description.replace("Build", "Plan"), "Plan the archive"),
        (page.description.replace("01.1. Build", "2.1. Design"), "Design the archive"),
    ):
        import_sample_page(system, page.with_changes(description=description), read_position(system))
        assert milestones(system) == [("1.2", "Open the archive"), ("2.1", title)]


def test_evidence_of_a_renumbered_milestone_quotes_the_page(system: System) -> None:
    page = Page(description="Print the tables.\n\n1.1. Build the archive")
    import_sample_page(system, page, 1)
    renumber(system, "1.1", "2.1")
    import_sample_page(system, page.with_changes(description="1.1. Open the archive"), 2)
    query = '{ commitment(code: "UY0901") { blame(path: "milestones/2.1/title") { evidence { path quote } } } }'
    (blamed,) = execute_query(system, query)["commitment"]["blame"]
    assert [each["quote"] for each in blamed["evidence"]] == ["Open the archive"]
