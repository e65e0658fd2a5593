"""Envelopes, texts and periods of the events that a unit of work appends, and what a failed command leaves of them."""

import pytest

from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.commitment import revise_commitment, withdraw_commitment
from ogpgraph.domain.errors import Invalid, NotFound, Refusal
from ogpgraph.domain.event import Cause, Evidence, Facts, Idempotency, Origin
from ogpgraph.domain.milestone import add_milestone, complete_milestone
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, TextValue
from tests.application.in_memory_log import (
    Command,
    InMemoryLog,
    register,
    revise,
    text_value,
)
from tests.domain.events import day


@pytest.fixture
def log() -> InMemoryLog:
    """A log in which FR0001 is registered."""
    return InMemoryLog().given(register())


def test_an_event_has_the_context_and_the_provenance_in_its_envelope() -> None:
    provenance = Provenance(
        origin=Origin.HEADER,
        cause=Cause.SOURCE_CHANGED,
        language="fr",
        source="source-1",
        evidence=(Evidence("source-1", "sha256:0", None, {"title/en": (1, 5), "status": (7, 9)}),),
        effective_on="2018-S2",
        changed_between=Interval(before=day(2), after=day(1)),
    )
    log = InMemoryLog()
    key = Idempotency("key", "hash")
    events = log.when(
        register(provenance=provenance),
        on=3,
        reason="the yearly import",
        causation="e9",
        idempotency=key,
        role="importer",
    )
    envelope = events[-1].envelope
    assert (envelope.actor, envelope.role, envelope.time) == ("account-1", "importer", day(3))
    assert (envelope.cause, envelope.origin, envelope.language, envelope.source) == (
        Cause.SOURCE_CHANGED,
        Origin.HEADER,
        "fr",
        "source-1",
    )
    assert (envelope.effective_on, envelope.changed_between) == ("2018-S2", Interval(before=day(2), after=day(1)))
    assert (envelope.correlation, envelope.causation, envelope.idempotency) == ("request", "e9", key)
    assert envelope.reason == text_value("the yearly import").text
    assert envelope.evidence[0].spans == {"title/en": (1, 5)}
    assert len({event.envelope.id for event in events}) == len(events)


def test_only_texts_that_events_refer_to_are_stored(log: InMemoryLog) -> None:
    def command(uow: UnitOfWork) -> None:
        uow.text_ref("not referred to")
        revise_commitment(uow, uow.require_by_code("commitment", "FR0001"), {"title/en": uow.text_value("Words")})

    log.given(command, reason="why")
    assert {text for _, text in log.texts.values()} == {"Open the budget", "Words", "why"}


def test_without_events_no_texts_are_stored(log: InMemoryLog) -> None:
    before = dict(log.texts)
    assert log.when(lambda uow: uow.text_ref("not referred to"), reason="why") == []
    assert log.texts == before


@pytest.mark.parametrize("text", ["nul \x00", "half \ud800", "\udfff"])
def test_texts_that_cannot_be_stored_are_refused(log: InMemoryLog, text: str) -> None:
    commands: list[Command] = [
        lambda uow: uow.text_value(text),
        register("FR0002", title=text),
        revise({"policyAreas": (text,)}),
        lambda uow: register_action_plan(uow, text, {}),
    ]
    for command in commands:
        with pytest.raises(Invalid):
            log.when(command)
    with pytest.raises(Invalid):
        log.when(register("FR0003"), reason=text)
    assert log.size == 2


def test_texts_can_contain_line_breaks_and_all_letters(log: InMemoryLog) -> None:
    text = "a\nb\tc 𝔘 👩‍👩‍👧\r\n"
    log.given(lambda uow: revise({"description/en": uow.text_value(text)})(uow))
    stored = text_value(text.replace("\r\n", "\n"))
    assert log.find("commitment", "FR0001").value("description/en") == stored


@pytest.mark.parametrize(
    "provenance",
    [
        Provenance(changed_between=Interval(before=day(0).replace(tzinfo=None))),
    ],
    ids=["no zone"],
)
def test_an_event_that_could_not_be_decoded_is_refused(log: InMemoryLog, provenance: Provenance) -> None:
    with pytest.raises(Refusal, match="cannot be stored"):
        log.when(revise({"status": "ACTIVE"}, provenance=provenance))
    assert log.size == 2


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("soon", "'soon' is not a year, half-year, quarter"),
        ("2018\n", "is not a year"),
        ("2019-02-30", "there is no 2019-02-30, 2019-02 has 28 days"),
        ("2019-06-31", "2019-06 has 30 days"),
        ("0001", "not in the years 1990 to 2100"),
        ("2101-01/..", "is not a year"),
    ],
)
def test_a_date_that_the_calendar_does_not_have_is_refused_wherever_it_enters(
    log: InMemoryLog, date: str, reason: str
) -> None:
    for path, event in (("startsOn", "CommitmentRevised"), ("milestones/1.1/endsOn", "MilestoneAdded")):
        with pytest.raises(Invalid, match=f"{path}: .*{reason}") as refused:
            log.when(lambda uow, path=path, event=event: uow.append("commitment-1", event, {path: date}))  # type: ignore[misc]
        assert refused.value.path == path
    with pytest.raises(Invalid, match=f"effectiveOn: .*{reason}"):
        Provenance(effective_on=date)
    assert log.size == 2


@pytest.mark.parametrize(
    ("begin", "end", "is_possible"),
    [
        ("2019", "2018", False),
        ("2019-03-15", "2019-03-14", False),
        ("2019-03-15", "2019-03", True),
        ("2019-Q3", "2019-S1", False),
        ("2019-S2", "2019", True),
        ("2019/..", "2019", True),
        ("2020/..", "2019/..", True),
        ("2016-02-29", "2016-02", True),
    ],
)
def test_a_period_does_not_end_before_it_begins(log: InMemoryLog, begin: str, end: str, is_possible: bool) -> None:
    def both(prefix: str, event: str) -> Command:
        return lambda uow: uow.append("commitment-1", event, {f"{prefix}startsOn": begin, f"{prefix}endsOn": end})

    for prefix, event in (("", "CommitmentRevised"), ("milestones/1.1/", "MilestoneAdded")):
        if is_possible:
            log.when(both(prefix, event))
            continue
        with pytest.raises(Invalid, match=f"{prefix}endsOn: {end} is before {prefix}startsOn, {begin}"):
            log.when(both(prefix, event))


def test_a_period_that_a_source_has_reversed_hinders_only_its_dates(log: InMemoryLog) -> None:
    header = Provenance(origin=Origin.HEADER, source="source-1")
    log.given(revise({"startsOn": "2019", "endsOn": "2018"}, provenance=header))
    log.when(revise({"status": "ACTIVE", "startsOn": "2019"}))
    with pytest.raises(Invalid, match="endsOn: 2017 is before startsOn, 2019"):
        log.when(revise({"endsOn": "2017"}))
    log.when(revise({"endsOn": "2020"}))


def test_the_other_date_of_a_period_may_be_recorded_before(log: InMemoryLog) -> None:
    log.given(revise({"startsOn": "2019-06"}))
    with pytest.raises(Invalid, match="endsOn: 2019-05 is before startsOn, 2019-06") as refused:
        log.when(revise({"endsOn": "2019-05"}))
    assert refused.value.path == "endsOn"
    log.given(revise({"endsOn": "2020"}))
    with pytest.raises(Invalid) as refused:
        log.when(revise({"startsOn": "2021-01-01"}))
    assert refused.value.path == "startsOn"
    log.when(revise({"startsOn": "2021-01-01", "endsOn": "2021"}))


def test_a_failed_command_discards_the_events_before_it(log: InMemoryLog) -> None:
    def command(uow: UnitOfWork) -> None:
        withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001"))
        complete_milestone(uow, uow.require_by_code("commitment", "FR0001"), "9")

    with pytest.raises(NotFound):
        log.when(command)
    assert log.size == 2


def test_a_unit_of_work_sees_its_pending_events() -> None:
    def command(uow: UnitOfWork) -> None:
        register()(uow)
        title: Facts = {"title/en": uow.text_value("Publish it")}
        add_milestone(uow, uow.require_by_code("commitment", "FR0001"), "1.1", title)
        assert isinstance(uow.require_by_code("commitment", "FR0001").value("title/en"), TextValue)
        assert uow.require_by_code("commitment", "FR0001").revision == 2

    assert len(InMemoryLog().when(command)) == 3
