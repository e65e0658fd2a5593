"""What a file says of members and their plans, which stands in every row: brought into the record once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from msgspec import structs

from ogpgraph.application import Basis, Session
from ogpgraph.domain.event import Evidence, Facts, Origin
from ogpgraph.domain.members import region_of
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made, Wording
from ogpgraph.importer.database.cells import co_creation_value
from ogpgraph.importer.database.codebook import Codebook, Reads
from ogpgraph.importer.database.identity import Identity, PlanKey
from ogpgraph.importer.database.reading import RowText
from ogpgraph.importer.database.report import CellRemark, remark_on
from ogpgraph.importer.database.respelled import same, spelling
from ogpgraph.importer.observing import News

_READ: dict[str, Reads] = {
    "name/en": "member",
    "region": "region",
    "category": "category",
    "number": "plan number",
    "cycle": "cycle",
    "publishedId": "plan id",
    "endsOn": "plan end",
    "durationYears": "plan duration",
}
_FROM_TABLE = Basis(origin=Origin.REFERENCE)


class Governments:
    """Brings the members and plans of one state of the file into the record, in one session."""

    def __init__(self, session: Session, news: News, book: Codebook, identities: Iterable[Identity]) -> None:
        self._session = session
        self._news = news
        self._book = book
        self._rows: dict[str, list[Identity]] = defaultdict(list)
        self._plans: dict[PlanKey, list[Identity]] = defaultdict(list)
        for identity in identities:
            self._rows[identity.member.code].append(identity)
            self._plans[identity.plan].append(identity)

    # Members

    def members(self) -> dict[str, str]:
        """Record what is new of the members; returns the member's code → its stream."""
        return {code: self._member(code, rows) for code, rows in sorted(self._rows.items())}

    def _member(self, code: str, rows: list[Identity]) -> str:
        name = _most(row.member.name for row in rows)
        facts: Facts = {"name/en": Wording(self._session.word(name), Made.UNKNOWN)}
        for path, place in (("region", 0), ("category", 1)):
            if said := _most(row.of_member[place] for row in rows):
                facts[path] = said
        told = next(row for row in rows if row.member.name == name)
        words = {path: str(said) for path, said in facts.items()} | {"name/en": name}
        basis = self._basis(told, words)
        stream = self._session.meaning_of("member", code)
        if stream is None:
            stream = self._session.register_member(code, facts, structs.replace(basis, late=False)).id
            who = rows[0].member
            table: Facts = {"prefix": who.prefix, "type": "LOCAL" if who.local else "NATIONAL"}
            if region := region_of(code):
                table["region"] = region
            self._session.say(stream, "MemberRevised", table, _FROM_TABLE)
        elif not basis.late:
            self._restate(stream, facts, basis)
        return stream

    def _restate(self, stream: str, facts: Facts, basis: Basis) -> None:
        said = _news(self._session.subject(stream), facts, basis)
        named = {path: value for path, value in said.items() if path.startswith("name/")}
        self._session.say(stream, "MemberRenamed", named, basis)
        self._session.say(stream, "MemberRevised", {p: v for p, v in said.items() if p not in named}, basis)

    def _basis(self, row: Identity, words: dict[str, str]) -> Basis:
        """Return the basis of what stands in every row of a member or plan, by the first row that has it."""
        optional = {column.path: name for name, column in self._book.optional.items()}
        names = self._book.by_reading
        text, columns = RowText(), {path: optional.get(path) or names[_READ[path]] for path in words}
        spans = {path: text.add(columns[path], said) for path, said in words.items()}
        evidence = Evidence(
            self._news.sight.source,
            self._news.sight.content_hash,
            self._session.word(text.whole()),
            {path: (span.start, span.end) for path, span in spans.items()},
            row.row,
            columns,
        )
        return structs.replace(self._news.basis(Origin.DATABASE, {}), evidence=(evidence,))

    # Plans

    def plans(self, members: dict[str, str]) -> dict[PlanKey, str]:
        """Record what is new of the plans; returns plan → its stream."""
        return {
            key: self._plan(key, rows, members[key.member]) for key, rows in sorted(self._plans.items(), key=_order)
        }

    def _plan(self, key: PlanKey, rows: list[Identity], member: str) -> str:
        cycle = _most(str(row.cycle or "") for row in rows)
        facts: Facts = {"member": member}
        cells: dict[str, str] = {}
        if key.number:
            facts["number"] = key.number
        if cycle:
            facts["cycle"] = int(cycle)
        published, end, duration = (_most(row.of_plan[place] for row in rows) for place in range(3))
        facts |= {path: said for path, said in (("publishedId", published), ("endsOn", end)) if said}
        if duration.isdigit() and 1 <= int(duration) <= 10:
            facts["durationYears"] = int(duration)
        for name, column in self._book.optional.items():
            if cell := _most(dict(row.co_creation).get(name, "") for row in rows):
                facts[column.path] = co_creation_value(cell)
                cells[column.path] = cell
        told = next((row for row in rows if row.of_plan == (published, end, duration)), rows[0])
        words = {path: str(value) for path, value in facts.items() if path != "member"}
        basis = self._basis(told, words | cells)
        return self._state_plan(key, f"{key.member}-{cycle}" if cycle else None, facts, basis)

    def _state_plan(self, key: PlanKey, by_cycle: str | None, facts: Facts, basis: Basis) -> str:
        at_once = structs.replace(basis, late=False)
        stream = self._known_plan(key, by_cycle)
        if stream is None:
            free = by_cycle if by_cycle and self._session.meaning_of("plan", by_cycle) is None else key.name
            stream = self._session.register_action_plan(free, facts, at_once).id
        elif not basis.late:
            # A plan that was known by its number alone gets the code of its cycle.
            if by_cycle and self._session.subject(stream).text("code") == key.name != by_cycle:
                facts = {**facts, **({"code": by_cycle} if self._is_free(by_cycle, stream) else {})}
            said = _news(self._session.subject(stream), facts, basis)
            said.pop("member", None)
            self._session.say(stream, "ActionPlanRevised", said, basis)
        for code in filter(None, (key.name, by_cycle)):
            if self._session.meaning_of("plan", code) is None:
                self._session.reserve("plan", code, stream)
        return stream

    def _known_plan(self, key: PlanKey, by_cycle: str | None) -> str | None:
        stream = self._session.meaning_of("plan", key.name)
        if stream is None and by_cycle and (there := self._session.meaning_of("plan", by_cycle)):
            number = self._session.subject(there).value("number")
            stream = there if key.number is None or number in (None, key.number) else None
        return stream

    def _is_free(self, code: str, stream: str) -> bool:
        return self._session.meaning_of("plan", code) in (None, stream)


def disagreements(identities: Iterable[Identity]) -> Iterator[CellRemark]:
    """Yield a remark for every row that says of its member or plan what most of their rows do not."""
    rows = list(identities)
    names: dict[str, Counter[str]] = defaultdict(Counter)
    plans: dict[PlanKey, Counter[str]] = defaultdict(Counter)
    for row in rows:
        names[row.member.code][row.member.name] += 1
        plans[row.plan][_plan_words(row)] += 1
    for row in rows:
        usual = names[row.member.code].most_common(1)[0][0]
        if spelling(row.member.name) != spelling(usual):
            yield remark_on(row.row, "", "member-differs", f"{row.member.name}, elsewhere {usual}")
        said, usual = _plan_words(row), plans[row.plan].most_common(1)[0][0]
        if said != usual:
            yield remark_on(row.row, "", "plan-differs", f"{row.plan.name}: {said}, elsewhere {usual}")


def _plan_words(row: Identity) -> str:
    published, end, duration = row.of_plan
    words = (("submitted", row.cycle), ("ends", end), ("years", duration), ("id", published))
    return ", ".join(f"{name} {said}" for name, said in words if said) or "nothing"


def _most(words: Iterable[str]) -> str:
    """Return the commonest of some words that are not empty; of equals the first in the alphabet."""
    counted = Counter(filter(None, words))
    return min(counted, key=lambda word: (-counted[word], word), default="")


def _order(item: tuple[PlanKey, list[Identity]]) -> tuple[str, int, int]:
    return item[0].member, item[0].number or 0, item[0].cycle or 0


def _news(subject: Subject, facts: Facts, basis: Basis) -> Facts:
    """Return what differs from what the file said before, or adds to what is known where it said nothing."""
    own = subject.said_by(basis.origin, basis.source)
    return {
        path: value
        for path, value in facts.items()
        if not same(path, own[path].value if path in own else subject.value(path), value, {})
    }
