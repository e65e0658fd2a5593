"""What sources may have stated at a path at an instant, and what may be current there.

At an instant a source has decided for its last claim with `before` not after it. The source is undecided while the
instant is inside the interval of the claim that follows: the value may have become so by then, or not. A field whose
value depends on that is `Unknown` at the instant.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from msgspec import Struct

from ogpgraph.domain.aggregate import Claim, can_be_current, rank, rank_at
from ogpgraph.domain.timeline import by_source
from ogpgraph.domain.values import Rating, TextListValue, TextValue, Value


class Unknown(Struct, frozen=True):
    """A value that changed somewhere after `after` (None: not known since when) and not later than `before`.

    `claims` has for each value that is possible in between the first claim of it, by time; None stands for no value.
    """

    after: datetime | None
    before: datetime
    claims: tuple[Claim | None, ...]

    @property
    def candidates(self) -> tuple[Value | None, ...]:
        """Return the possible values, by time; None where there may be none."""
        return tuple(claim.value if claim else None for claim in self.claims)


class ClaimOptions(NamedTuple):
    """What a source may say at a path: the claim it has decided for, and one that it may have made by then."""

    decided: Claim | None
    following: Claim | None

    @property
    def interval(self) -> tuple[datetime | None, datetime]:
        """The interval of what follows, which begins no earlier than the source said something else."""
        decided, following = self
        assert following is not None
        moments = [each for each in (decided and decided.before, following.after) if each]
        return max(moments, default=None), following.before


NOTHING_SAID: Final = ClaimOptions(None, None)


def options_at(latest: tuple[Claim, ...], earlier: tuple[Claim, ...], instant: datetime) -> list[ClaimOptions]:
    """Return what each source may say at a path at an instant, from its latest claim there and those before."""
    return [_options_of(claims, instant) for claims in claims_by_source(latest, earlier)]


def claims_by_source(latest: tuple[Claim, ...], earlier: tuple[Claim, ...]) -> list[list[Claim]]:
    """Return the claims of each source at a path, by time."""
    by_key = {key: list(claims) for key, claims in groupby(earlier, key=by_source)}
    return [[*by_key.get(claim.key, ()), claim] for claim in latest]


def _options_of(claims: list[Claim], instant: datetime) -> ClaimOptions:
    number = bisect_right(claims, instant, key=attrgetter("before"))
    decided = claims[number - 1] if number else None
    if number == len(claims):
        return ClaimOptions(decided, None)
    options = ClaimOptions(decided, claims[number])
    after, _ = options.interval
    return options if after is None or after < instant else ClaimOptions(decided, None)


def possible_of_one(decided: Claim | None, following: Claim | None) -> tuple[Claim | None, ...]:
    """Return what may be current while a source may state something else already, by time."""
    if _finding(decided) == _finding(following):
        return (decided,)
    return (decided, following) if following else (following, decided)


_Strength = tuple[Any, ...]


class _Choice(NamedTuple):
    """A claim that a source may make at a path, and by what it is compared with those of others.

    One that cannot be current is like none: its strength is empty, less than any other.
    """

    strength: _Strength = ()
    claim: Claim | None = None


def _build_choice(path: str, number: int, claim: Claim | None) -> _Choice:
    """Return the choice of a source, by its number; choices compare as in `select_current`, ties go by source."""
    if claim is None or not can_be_current(path, claim):
        return _Choice()
    return _Choice((*rank_at(path, claim), -number), claim)


def list_possible(path: str, options: Sequence[ClaimOptions]) -> tuple[Claim | None, ...]:
    """Return the first claim of each value that is possible at a path, by time; none where there is only one.

    None stands for no value.
    """
    if not any(each.following for each in options):
        return ()
    if len(options) == 1:  # nearly always
        of_one = possible_of_one(*(each if each and can_be_current(path, each) else None for each in options[0]))
        return of_one if len(of_one) > 1 else ()
    possible: dict[object, Claim | None] = {}
    winners = (each.claim for each in _possible_winners(_list_choices(path, options)))
    for claim in sorted(winners, key=_time_of):
        possible.setdefault(_finding(claim), claim)
    return tuple(possible.values()) if len(possible) > 1 else ()


def find_unknown(path: str, options: Sequence[ClaimOptions]) -> Unknown | None:
    """Return what is unknown at a path, None if every choice that the sources have gives the same value."""
    possible = list_possible(path, options)
    if not possible:
        return None
    if len(options) == 1:
        return Unknown(*options[0].interval, possible)
    choices = _list_choices(path, options)
    decisive = [each.following for number, each in enumerate(options) if _is_decisive(choices, number)]
    strongest = max(filter(None, decisive), key=partial(rank_at, path))
    (of_strongest,) = (each for each in options if each.following is strongest)
    return Unknown(*of_strongest.interval, possible)


def _list_choices(path: str, options: Sequence[ClaimOptions]) -> list[list[_Choice]]:
    return [
        [_build_choice(path, number, claim) for claim in (each if each.following else each[:1])]
        for number, each in enumerate(options)
    ]


def _possible_winners(choices: Sequence[Sequence[_Choice]]) -> Iterator[_Choice]:
    """Yield what can be current for some choice of all sources."""
    floors = [min(each.strength for each in of_source) for of_source in choices]
    if not any(floors):
        yield _Choice()
    for number, of_source in enumerate(choices):
        others = max((floor for n, floor in enumerate(floors) if n != number), default=())
        yield from (each for each in of_source if each.strength > others)


def _is_decisive(choices: Sequence[Sequence[_Choice]], number: int) -> bool:
    """Return whether it may depend on the choice of one source what is current."""
    others = [each for n, each in enumerate(choices) if n != number]
    return any(
        len({_finding(max(each, other, key=_strength_of).claim) for each in choices[number]}) > 1
        for other in _possible_winners(others)
    )


def _strength_of(choice: _Choice) -> _Strength:
    return choice.strength


def _time_of(claim: Claim | None) -> tuple[Any, ...]:
    return (claim.before, rank(claim)) if claim else ()


def _finding(claim: Claim | None) -> object:
    """Return what a claim says, without how it is cited or who translated it."""
    match value := claim and claim.value:
        case Rating(state=state, value=found):
            return state, found
        case TextValue(text=text):
            return text
        case TextListValue(texts=texts):
            return texts
        case _:
            return value
