"""The IRM's narratives: sections of its text about a commitment at a stage."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.command import (
    UNKNOWN_COMMITMENT,
    Command,
    CommandType,
    CommitmentReference,
    Format,
    Language,
    Refusals,
)
from ogpgraph.domain.correction import ONLY_REPLACED, withdraw
from ogpgraph.domain.event import Facts
from ogpgraph.domain.field import PATH_SEGMENTS, Field
from ogpgraph.domain.roles import IRM
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import TextValue
from ogpgraph.domain.vocabulary import Stage

NARRATIVE_FIELDS = (
    Field(
        "narratives/{stage}/{section}/{language}",
        TextValue,
        "Narratives",
        "A section of the IRM's text about a commitment.",
        written_by=IRM,
        search_weight=2,
    ),
)
"""The fields of a commitment with the IRM's text about it."""

NARRATIVE_EVENTS = (
    EventType("NarrativeRecorded", "Sections of the IRM's text were recorded or changed.", ("narratives/",)),
    EventType("NarrativeWithdrawn", "A section of the IRM's text was withdrawn.", ("narratives/",)),
)
"""The events of a commitment that state the IRM's text about it."""


def record_narrative(
    uow: UnitOfWork,
    commitment: Aggregate,
    stage: Stage,
    section: str,
    language: str,
    text: TextValue,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Record a section of the IRM's text in one language."""
    facts: Facts = {f"narratives/{stage}/{section}/{language}": text}
    uow.append(commitment.id, "NarrativeRecorded", changed_facts(commitment, facts, provenance), provenance)


def withdraw_narrative(
    uow: UnitOfWork,
    commitment: Aggregate,
    stage: Stage,
    section: str,
    language: str,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Withdraw a section that people recorded; raises NotFound, and Conflict if a published page states it."""
    withdraw(uow, commitment, "NarrativeWithdrawn", [f"narratives/{stage}/{section}/{language}"], provenance)


# Commands

NarratedStage = Annotated[Stage, Meta(description="The stage that the text is about.")]
SectionName = Annotated[
    str,
    Meta(description="The name of the section, such as `NEXT_STEPS`: capitals, digits and underscores."),
    Format(PATH_SEGMENTS["{section}"], "the name of a section in capitals, such as NEXT_STEPS"),
]


class RecordNarrative(Command, frozen=True, kw_only=True):
    """A section of the IRM's text on a commitment, in one language."""

    commitment: CommitmentReference
    stage: NarratedStage
    section: SectionName
    language: Language = "en"
    text: Annotated[TextValue, Meta(description="The text, up to 100,000 characters. Markup is not interpreted.")]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the text, unless it is recorded."""
        record_narrative(uow, self.commitment, self.stage, self.section, self.language, self.text, provenance)


RECORD_NARRATIVE = CommandType(
    command=RecordNarrative,
    description="Records a section of the IRM's text on a commitment, in one language. It replaces an earlier text, "
    "which stays in the history.",
    permitted=IRM,
    events=("NarrativeRecorded",),
    returns="commitment",
    refusals=Refusals(
        not_found=UNKNOWN_COMMITMENT,
        invalid="if the text is empty or too long, or the section is not a name in capitals",
    ),
)


class WithdrawNarrative(Command, frozen=True):
    """A section of the IRM's text, in one language, that is withdrawn."""

    commitment: CommitmentReference
    stage: NarratedStage
    section: SectionName
    language: Language = "en"

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the withdrawal; raises NotFound, and Conflict if a published page states the text."""
        withdraw_narrative(uow, self.commitment, self.stage, self.section, self.language, provenance)


WITHDRAW_NARRATIVE = CommandType(
    command=WithdrawNarrative,
    description="Withdraws a section of text that reviewers recorded, in one language. It stays in the history.",
    permitted=IRM,
    events=("NarrativeWithdrawn",),
    returns="commitment",
    refusals=Refusals(
        not_found="if the commitment is unknown or has no such section in this language", conflict=ONLY_REPLACED
    ),
)

NARRATIVE_COMMANDS = (RECORD_NARRATIVE, WITHDRAW_NARRATIVE)
