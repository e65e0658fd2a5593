"""Commands on commitments: registered, revised, recoded, merged, split, linked and withdrawn."""

from __future__ import annotations

from ogpgraph.application.acts import BY_PERSON, Basis, with_cause
from ogpgraph.application.speaking import Speaking, news_of
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Cause, Facts
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.vocabulary import CommitmentStatus


class CommitmentCommands(Speaking):
    """What can be recorded of a commitment as a whole."""

    def register_commitment(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> Subject:
        """Record a new commitment; raises Conflict where its code is taken."""
        stream = self.new_stream("commitment")
        self.reserve("commitment", code, stream)
        self.record(stream, commitments.changes_of(Subject(stream), {"code": code, **facts}), basis)
        return self.subject(stream)

    def revise_commitment(self, stream: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record what is newly said of a commitment: milestones, ratings, narratives and translations included."""
        subject = self.subject(stream)
        self.record(stream, commitments.changes_of(subject, news_of(subject, facts)), basis)

    def translate_commitment(self, stream: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record wordings in another language."""
        news = news_of(self.subject(stream), facts)
        self.say(stream, "CommitmentTranslated", news, with_cause(basis, Cause.TRANSLATION))

    def recode_commitment(self, code: str, new_code: str, basis: Basis = BY_PERSON) -> None:
        """Give a commitment another code, the former one keeps resolving; raises NotFound and Conflict."""
        commitment = self.require("commitment", code)
        former = commitment.text("code") or code
        if new_code == former:
            return
        if self.meaning_of("commitment", new_code) != commitment.id:
            self.reserve("commitment", new_code, commitment.id)
        kept = tuple(each for each in (*commitments.former_codes(commitment), former) if each != new_code)
        self.say(commitment.id, "CommitmentRecoded", {"code": new_code, "formerCodes": kept}, basis)

    def merge_commitments(self, codes: list[str], into: str, basis: Basis = BY_PERSON) -> None:
        """Record that commitments are one: their codes come to mean the one that remains.

        Raises NotFound, and Invalid where there is nothing to merge.
        """
        remaining = self.require("commitment", into)
        merged = {found.id: found for code in codes if (found := self.require("commitment", code)).id != remaining.id}
        if not merged:
            raise Invalid(f"{into} and what is to be merged into it are one already", "commitments")
        for each in merged.values():
            self.say(each.id, "CommitmentMerged", {"mergedInto": remaining.id}, basis)
            for code in commitments.reserved_codes(each):
                self.assign("commitment", code, remaining.id)
        more = [code for each in merged.values() for code in commitments.all_codes(each)]
        former = tuple(dict.fromkeys((*commitments.former_codes(remaining), *more)))
        self.say(remaining.id, "CommitmentMerged", {"formerCodes": former}, basis)

    def split_commitment(self, code: str, parts: dict[str, Facts], basis: Basis = BY_PERSON) -> list[Subject]:
        """Record that a commitment is several, each a new commitment under its code; raises NotFound and Conflict."""
        whole = self.require("commitment", code)
        known: Facts = {"splitFrom": whole.id}
        known |= {path: value for path in _SHARED if (value := whole.value(path)) is not None}
        made = [self.register_commitment(each, known | facts, basis) for each, facts in parts.items()]
        into = (*_references(whole, "splitInto"), *(part.id for part in made))
        self.say(whole.id, "CommitmentSplit", {"splitInto": into}, basis)
        return made

    def link_commitments(
        self, code: str, predecessors: list[str], successors: list[str], basis: Basis = BY_PERSON
    ) -> None:
        """Link a commitment to those it carries forward and that carry it forward, on both sides.

        Raises NotFound, and Invalid for a commitment linked to itself.
        """
        commitment = self.require("commitment", code)
        for path, back, others in (
            ("predecessors", "successors", predecessors),
            ("successors", "predecessors", successors),
        ):
            found = [self.require("commitment", other) for other in others]
            if any(other.id == commitment.id for other in found):
                raise Invalid(f"{code} cannot be linked to itself", path)
            self._link(commitment.id, path, [other.id for other in found], basis)
            for other in found:
                self._link(other.id, back, [commitment.id], basis)

    def _link(self, stream: str, path: str, others: list[str], basis: Basis) -> None:
        subject = self.subject(stream)
        linked = tuple(dict.fromkeys((*_references(subject, path), *others)))
        self.say(stream, "CommitmentLinked", news_of(subject, {path: linked}) if others else {}, basis)

    def withdraw_commitment(self, code: str, basis: Basis = BY_PERSON) -> None:
        """Record that the government withdrew a commitment; doing so again records nothing. Raises NotFound."""
        commitment = self.require("commitment", code)
        facts: Facts = {"status": CommitmentStatus.WITHDRAWN.value}
        self.say(commitment.id, "CommitmentWithdrawn", news_of(commitment, facts), basis)


_SHARED = ("member", "actionPlan", "cycle")


def _references(subject: Subject, path: str) -> tuple[str, ...]:
    value = subject.value(path)
    return value if isinstance(value, tuple) else ()
