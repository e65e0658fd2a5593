"""Putting the record right: an entry that was wrong, and a whole import or request that should not have been."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec import structs

from ogpgraph.application.acts import BY_PERSON, Basis
from ogpgraph.application.unsaying import Unsaying
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Event, Facts, Origin
from ogpgraph.domain.subject import Claim, Subject, kind_of, replayed
from ogpgraph.domain.values import Interval

CORRECTED = {
    "commitment": "CommitmentCorrected",
    "plan": "ActionPlanCorrected",
    "member": "MemberCorrected",
    "source": "SourceCorrected",
    "code": "CodeAssigned",
}
"""By which event each kind of subject is put right; rights are granted and revoked instead."""
Voice = tuple[Origin, str | None, str | None, Interval | None]
"""Who states something, from which source in which language, and when it came to be so."""


class CorrectionCommands(Unsaying):
    """What puts the record right; what it said before stays readable at its position."""

    def correct(self, code: str, facts: Facts, corrects: str, basis: Basis = BY_PERSON) -> None:
        """Put right what an event recorded wrongly; raises NotFound, and Conflict where nothing is wrong."""
        commitment = self.require("commitment", code)
        because = structs.replace(basis, cause=Cause.CORRECTION, corrects=corrects)
        self.record(commitment.id, [commitments.correction(commitment, facts)], because)

    def correct_event(self, stream: str, corrects: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Put right what one event of a stream recorded wrongly; None takes back what people stated.

        Raises NotFound for an event that the stream does not have, Invalid for a path that the event does not speak of,
        Conflict where the record already says so or a published page states what is to be taken back.
        """
        event = next((each for each in self.events(stream) if each.envelope.id == corrects), None)
        if event is None or kind_of(stream) not in CORRECTED:
            raise NotFound("there is no such entry that could be corrected", "entry")
        subject, name = self.subject(stream), CORRECTED[kind_of(stream)]
        for path, value in facts.items():
            if path not in event.facts:
                raise Invalid(f"the entry does not speak of {path}, but of {', '.join(event.facts)}", path)
            if subject.value(path) == value:
                raise Conflict(f"{path} already is as the correction would have it", path)
        because = structs.replace(basis, cause=Cause.CORRECTION, corrects=corrects)
        self.say(stream, name, {path: value for path, value in facts.items() if value is not None}, because)
        self.unsay(stream, name, [path for path, value in facts.items() if value is None], because)

    def revert(self, correlation: str, streams: Iterable[str], basis: Basis = BY_PERSON) -> None:
        """Undo in some streams what one import or request stated, as if it had never been; later statements stay.

        Raises NotFound where none of the streams has an event of it, Invalid where it changed rights, and Conflict
        where a later merge keeps a commitment from coming back.
        """
        found, merged = False, list[str]()
        for stream in streams:
            events = self.events(stream)
            ours = [event for event in events if event.envelope.correlation == correlation]
            if not ours:
                continue
            if kind_of(stream) not in CORRECTED:
                raise Invalid("rights are granted and revoked, not reverted", "correlationId")
            found = True
            merged += [stream] if any("mergedInto" in each.facts for each in ours) else []
            if not self._still_means(stream, correlation):
                self._revert(stream, ours, replayed(stream, (each for each in events if each not in ours)), basis)
        if not found:
            raise NotFound(f"nothing was recorded under {correlation}", "correlationId")
        for stream in merged:
            self._give_codes_back(self.subject(stream))

    def _give_codes_back(self, commitment: Subject) -> None:
        """Let the codes of a commitment mean it again, unless it is part of another one still, or again.

        Raises Conflict where that would be part of it in turn.
        """
        into = commitment.text("mergedInto")
        passed = {commitment.id}
        while into:
            if into in passed:
                raise Conflict("that would merge commitments into each other: take back first what was merged since")
            passed.add(into)
            into = self.subject(into).text("mergedInto")
        if len(passed) == 1:
            for code in commitments.reserved_codes(commitment):
                self.assign("commitment", code, commitment.id)

    def _still_means(self, stream: str, correlation: str) -> bool:
        """Tell whether a stream is a code whose subject stays, so that the code has to go on meaning it."""
        means = self.subject(stream).text("means") if kind_of(stream) == "code" else None
        return means is not None and self._stays(means, correlation)

    def _stays(self, stream: str, correlation: str) -> bool:
        """Tell whether a subject stays known when what one import said of it is taken back.

        Members and plans do: commitments that others recorded may be theirs. All do of which anybody else spoke.
        """
        others = (event.envelope.correlation != correlation for event in self.events(stream))
        return kind_of(stream) in ("member", "plan") or any(others)

    def _revert(self, stream: str, ours: list[Event], without: Subject, basis: Basis) -> None:
        kept_paths = IDENTITY if self._stays(stream, ours[0].envelope.correlation) else frozenset()
        said: dict[Voice, Facts] = defaultdict(dict)
        for path, claims in self.subject(stream).claims.items():
            if path in kept_paths:
                continue
            kept = {claim.key: claim for claim in without.claims.get(path, ())}
            for claim in claims:
                former = kept.get(claim.key)
                if _content(former) != _content(claim):
                    said[_voice(former or claim, known=former is not None)][path] = former.value if former else None
        for (origin, source, language, between), facts in said.items():
            because = structs.replace(
                basis,
                origin=origin,
                source=source,
                language=language,
                cause=Cause.CORRECTION,
                corrects=ours[-1].envelope.id,
                changed_between=between,
            )
            self.say(stream, CORRECTED[kind_of(stream)], facts, because)


IDENTITY = frozenset({"code", "key", "prefix", "type", "member", "cycle"})
"""What a subject is known by; it outlives what else was said of it."""


def _content(claim: Claim | None) -> tuple[object, ...] | None:
    return (claim.value, claim.after, claim.before) if claim and claim.value is not None else None


def _voice(claim: Claim, *, known: bool) -> Voice:
    between = Interval(before=claim.before, after=claim.after) if known else None
    return claim.origin, claim.source, claim.language, between
