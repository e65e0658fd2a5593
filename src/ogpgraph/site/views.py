"""What templates need besides the data of a document: filters as variables, values with who stated them, passages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from typing import Any, Final

from ogpgraph.domain.event import Cause
from ogpgraph.domain.vocabulary import VALUES_OF, CommitmentStatus, Indicator, Stage
from ogpgraph.graphql.enums import EntryKind
from ogpgraph.site.labels import ID, has_codes
from ogpgraph.site.moment import parse_day
from ogpgraph.site.page_request import PageRequest, page_not_found

Data = Mapping[str, Any]
"""The decoded data of a document, or an object in it."""
Execute = Callable[[str, dict[str, Any]], Data]
"""Returns the data of a document, by its name, with variables."""
PAGE_SIZE: Final = 50


@dataclass(frozen=True)
class Words:
    """How values are named in the reader's language: codes of vocabularies, and sentences of the catalogue."""

    label: Callable[[str], str]
    translate: Callable[[str], str]


def name_facet(value: str, words: Words) -> str:
    """Return how a value of a facet is named that is no code, apart from UNKNOWN."""
    return words.translate("Not known at this date") if value == UNKNOWN else value


def format_value(value: object, path: str, words: Words) -> str:
    """Return the value of the field at a path (FieldValue) as text; an empty text for none."""
    match value:
        case None:
            return ""
        case bool():
            return words.translate("Yes") if value else words.translate("No")
        case list():
            return "; ".join(format_value(each, path, words) for each in value)
        case dict():
            return words.label(str(value.get("value") or value.get("state") or ""))
        case str() if has_codes(path):
            return words.label(value)
        case _:
            return str(value)


def combine_changes(changes: Sequence[Data]) -> list[Data]:
    """Return the changes of an entry as people read them: those of the parts of a rating as one.

    Where it has no value, before or after, the reason why takes its place. A change of a link has the id of the thing
    that it leads to.
    """
    ratings: dict[str, dict[str, Any]] = {}
    combined: list[Data] = []
    for change in changes:
        name, _, rest = change["path"].partition("/")
        if name not in ("ratings", "findings"):
            named = [*change["path"].split("/"), str(change["after"]), str(change["before"])]
            combined.append({**change, "id": next(filter(ID.fullmatch, named), None)})
            continue
        prefix, _, part = rest.rpartition("/")
        if prefix not in ratings:
            ratings[prefix] = {"path": f"{name}/{prefix}", "before": None, "after": None, "id": None}
            combined.append(ratings[prefix])
        for side in ("before", "after"):
            if part == "value" or (part == "state" and ratings[prefix][side] is None):
                ratings[prefix][side] = change[side] or ratings[prefix][side]
    return [each for each in combined if each["before"] != each["after"]]


# Lists


UNKNOWN: Final = "UNKNOWN"
"""What facets count things under whose value is not known at the date."""


@dataclass(frozen=True)
class Choice:
    """A filter of a list, which is a parameter of the page: `where` turns its values, as `read`, into a condition."""

    name: str
    where: Callable[[Sequence[Any]], dict[str, Any]]
    dimension: str | None = None
    """The dimension whose facets are the values to choose from, among them UNKNOWN as of a date."""
    read: Callable[[PageRequest, str], Sequence[Any]] = PageRequest.many

    def find_condition(self, request: PageRequest) -> dict[str, Any] | None:
        """Return the condition that a request asks for, None for none; raises RequestRejected (400)."""
        conditions = []
        if self.dimension and UNKNOWN in request.many(self.name):
            conditions.append({"unknown": [self.dimension]})
            request = request.without(self.name, UNKNOWN)
        if values := self.read(request, self.name):
            conditions.append(self.where(values))
        return {"or": conditions} if len(conditions) > 1 else next(iter(conditions), None)


def _choose_among(words: Iterable[str]) -> Callable[[PageRequest, str], Sequence[Any]]:
    return partial(PageRequest.choices, words=list(words))


def _choose_flag(name: str, dimension: str | None = None) -> Choice:
    return Choice(name, lambda values: {name: values[-1] == "true"}, dimension, _choose_among(("true", "false")))


COMMITMENT_CHOICES: Final = (
    Choice("region", lambda values: {"member": {"region": {"in": values}}}, "REGION"),
    Choice("member", lambda values: {"member": {"code": {"in": values}}}, "MEMBER"),
    Choice("cycle", lambda values: {"cycle": {"in": values}}, "CYCLE", PageRequest.numbers),
    Choice("area", lambda values: {"policyArea": {"in": values}}, "POLICY_AREA"),
    Choice(
        "completion",
        lambda values: {"rating": {"indicator": "COMPLETION", "value": values}},
        "COMPLETION",
        _choose_among(each.name for each in VALUES_OF[Indicator.COMPLETION]),
    ),
    Choice(
        "status",
        lambda values: {"status": {"in": values}},
        "STATUS",
        _choose_among(each.name for each in CommitmentStatus),
    ),
    _choose_flag("starred", "STARRED"),
    _choose_flag("overdue"),
    _choose_flag("disappeared"),
)
COMMITMENT_ORDERS: Final = ("CODE", "CYCLE", "STATUS", "COMPLETION", "CHANGED", "ENDS_ON")
COMMITMENT_PARAMETERS: Final = (*(each.name for each in COMMITMENT_CHOICES), "order", "before", "after")


def choose_commitments(request: PageRequest) -> dict[str, Any]:
    """Return the variables of the list of commitments."""
    found = (each.find_condition(request) for each in COMMITMENT_CHOICES)
    conditions = [each for each in found if each]
    where = {"where": {"and": conditions}} if conditions else {}
    return {"language": request.language, **where, **_order(request, COMMITMENT_ORDERS), **choose_slice(request)}


def _order(request: PageRequest, fields: Iterable[str]) -> dict[str, Any]:
    """Return the variable `orderBy`: the field that the page is asked to order by, descending behind a minus."""
    words = [f"{sign}{field.lower()}" for field in fields for sign in ("", "-")]
    if not (asked := request.choices("order", words)):
        return {}
    field, direction = asked[-1].removeprefix("-").upper(), "DESC" if asked[-1].startswith("-") else "ASC"
    return {"orderBy": [{"field": field, "direction": direction}]}


def choose_slice(request: PageRequest, size: int = PAGE_SIZE) -> dict[str, Any]:
    """Return the variables for the page of a list behind or before a cursor; otherwise for the first one."""
    if before := request.one("before"):
        return {"last": size, "before": before}
    return {"first": size, **({"after": after} if (after := request.one("after")) else {})}


def describe_filters(data: Data, request: PageRequest, _words: Words) -> dict[str, Any]:
    """Return the filters of the list of commitments with the values that they offer, and those that are chosen."""
    connection = data["commitments"] or {}
    facets = {facet["dimension"]: facet["values"] for facet in connection.get("facets") or ()}
    filters = [
        {"name": each.name, "values": facets.get(each.dimension or "", []), "chosen": request.many(each.name)}
        for each in COMMITMENT_CHOICES
    ]
    return {"filters": filters}


def choose_members(request: PageRequest) -> dict[str, Any]:
    """Return the variables of the list of members."""
    region = request.many("region")
    where = {"where": {"region": {"in": list(region)}}} if region else {}
    return {"language": request.language, **where, **_order(request, ("CODE", "REGION", "CHANGED"))}


# Changes

CHANGE_PARAMETERS: Final = (
    *("cause", "member", "commitment", "area", "kind", "from", "until", "readings", "before", "after"),
)
_READ_AGAIN: Final = Cause.EXTRACTION.name
_OF_SOURCES: Final = frozenset(each.name for each in EntryKind if each.name.startswith("Source"))
SHOWN_KINDS: Final = [each.name for each in EntryKind if each.name not in _OF_SOURCES]
SHOWN_CAUSES: Final = [each.name for each in Cause if each.name != _READ_AGAIN]


def choose_changes(request: PageRequest) -> dict[str, Any]:
    """Return the variables of the list of changes: without those that say nothing new of the world, by default."""
    where: dict[str, Any] = {}
    if member := request.many("member"):
        where["member"] = list(member)
    if commitment := request.many("commitment"):
        where["commitment"] = list(commitment)
    if area := request.many("area"):
        where["policyArea"] = list(area)
    recorded = {name: parse_day(value, name) for name in ("from", "until") if (value := request.one(name))}
    if recorded:
        where["recorded"] = recorded
    kinds, causes = request.choices("kind", EntryKind.__members__), request.choices("cause", Cause.__members__)
    shown = {"kind": list(kinds) or SHOWN_KINDS, "cause": list(causes) or SHOWN_CAUSES}
    if request.one("readings"):
        shown = {}
    hidden = {**where, "kind": SHOWN_KINDS, "cause": [_READ_AGAIN]}
    return {"language": request.language, "where": where | shown, "hidden": hidden, **choose_slice(request, 25)}


def describe_changes(data: Data, _request: PageRequest, _words: Words) -> dict[str, Any]:
    """Return the entries by the day on which they were recorded, and the values of the filters."""
    entries = (data["entries"] or {}).get("nodes") or []
    return {"days": _divide_by_day(entries), "causes": SHOWN_CAUSES, "kinds": SHOWN_KINDS}


def _divide_by_day(entries: Iterable[Data]) -> list[tuple[str, list[Data]]]:
    """Return entries in their order by the day, in UTC, on which they were recorded."""
    return [(day, list(group)) for day, group in groupby(entries, key=lambda entry: entry["recordedAt"][:10])]


# Search


def choose_search(request: PageRequest) -> dict[str, Any]:
    """Return the variables of a search; nothing is searched without a query."""
    query = request.one("q")
    return {"query": query, "isAsked": bool(query), "language": request.language, **choose_slice(request, 20)}


# One commitment


def explain_commitment(data: Data, request: PageRequest, words: Words) -> dict[str, Any]:
    """Return the values of a commitment with who stated them, its ratings by stage, and its timeline."""
    commitment = data["commitment"]
    entries = list(reversed(commitment["history"]["nodes"]))
    stated = {each["path"]: each for each in commitment["blame"]}
    originals = {each["path"] for each in commitment["localizedTexts"] if each["translationKind"] == "ORIGINAL"}
    shown = [each for each in entries if request.one("readings") or each["cause"] != _READ_AGAIN]
    return {
        "stated": stated,
        "ratings": _rate(commitment["ratings"], commitment["unknown"]),
        "stages": [each.name for each in Stage],
        "days": _divide_by_day(shown),
        "hidden": len(entries) - len(shown),
        "disagreements": list(find_disagreements(commitment["claims"], words)),
        "language_of": partial(find_language, stated, originals, request.language),
    }


def find_language(paths: Iterable[str], originals: Collection[str], preferred: str, field: str) -> str | None:
    """Return the language of the text of a field that a page shows: the reader's, otherwise the original, or None.

    `paths` are those of the values, `originals` those of texts in their original language. Which text the API gives
    without a language is described in `graphql.output_fields.choose_text`.
    """
    prefix = f"{field}/"
    found = {path.removeprefix(prefix): path for path in paths if path.rpartition("/")[0] == field}
    order = sorted(found, key=lambda each: (found[each] not in originals, each != "en", each))
    return preferred if preferred in found else next(iter(order), None)


def _rate(ratings: Sequence[Data], unknown: Sequence[Data]) -> list[tuple[str, list[tuple[str, list[Data]]]]]:
    """Return the ratings as rows: of each indicator that was rated at any stage, or may have been, each stage's."""
    cells: dict[tuple[str, str], list[Data]] = {}
    for each in ratings:
        cells.setdefault((each["indicator"], each["stage"]), []).append(each)
    rated = {indicator for indicator, _ in cells}
    indicators = [each.name for each in Indicator if each.name in rated or covers(unknown, f"ratings/{each.name}")]
    return [
        (indicator, [(stage.name, cells.get((indicator, stage.name), [])) for stage in Stage])
        for indicator in indicators
    ]


def covers(unknown: Iterable[Data], field: str) -> bool:
    """Return whether values that are not known at the date (UnknownValue) are those of a field, or of its parts."""
    return any(each["path"] == field or each["path"].startswith(f"{field}/") for each in unknown)


def find_disagreements(claims: Sequence[Data], words: Words) -> Iterator[tuple[str, list[Data]]]:
    """Yield the paths at which sources say different things, with what each of them says; the current one first."""
    for path, group in groupby(claims, key=lambda claim: claim["path"]):
        stated = sorted(group, key=lambda claim: not claim["isCurrent"])
        if len({format_value(claim["value"], path, words) for claim in stated}) > 1:
            yield path, stated


# Things by their ids

_PATHS: Final = {"Commitment": "/commitments/", "ActionPlan": "/plans/", "Member": "/members/"}


def find_page(thing: Data) -> str | None:
    """Return the path of the page of a thing (`SubjectName`); None for one that has none."""
    if thing["__typename"] == "Source":
        return f"/sources/{thing['stableId']}"
    prefix, code = _PATHS.get(thing["__typename"]), thing["code"]
    return prefix + code if prefix and code else None


def find_thing(request: PageRequest, execute: Execute) -> str:
    """Return the address of the page of a thing, by its id; raises PageFailed where there is none."""
    thing = execute("thing", {"id": request.codes["id"]}).get("node") or {}
    path = find_page(thing) if "stableId" in thing else None
    if path is None:
        raise page_not_found()
    return request.link(path)


# Sources


SOURCE_PARAMETERS: Final = ("text", "entry", "before", "after")


def choose_source(request: PageRequest) -> dict[str, Any]:
    """Return the variables of a source: with what rests on it, the newest first, or with the entry at one position.

    Raises:
        PageFailed: if the address does not name a source.
    """
    id_ = request.codes["id"]
    if not id_.startswith("source-"):
        raise page_not_found()
    positions = request.numbers("entry")
    where = {"position": {"from": positions[-1], "until": positions[-1]}} if positions else {"source": [id_]}
    return {"id": id_, "where": where, "language": request.language, **choose_slice(request)}


@dataclass(frozen=True)
class Passage:
    """A part of the text of a source, with the evidence that quotes it, if any does."""

    text: str
    start: int
    quoted: Sequence[Data] = ()


def mark_passages(data: Data, request: PageRequest, _words: Words) -> dict[str, Any]:
    """Return a text of a source in passages, with what each quoted one is evidence of, and the cells that are quoted.

    It is the latest text, or that of the observation which the address names.
    """
    observations, entries = data["source"]["observations"], (data["entries"] or {}).get("nodes") or []
    named = [each for each in observations if shorten_hash(each["contentHash"]) == request.one("text")]
    with_text = [each for each in observations if each["text"]]
    observation = next(reversed(named or with_text or observations), None)
    if observation is None:
        return {"observation": None, "passages": [], "cells": []}
    quoted = [
        {**evidence, "subject": entry["subject"]}
        for entry in entries
        if entry
        for evidence in entry["evidence"]
        if evidence["contentHash"] == observation["contentHash"]
    ]
    passages = divide_text(observation["text"] or "", [each for each in quoted if each["row"] is None])
    return {"observation": observation, "passages": list(passages), "cells": find_cells(quoted)}


def shorten_hash(content_hash: str) -> str:
    """Return the digits by which an address names the text of an observation."""
    return content_hash.removeprefix("sha256:")[:12]


def divide_text(text: str, quoted: Sequence[Data]) -> Iterator[Passage]:
    """Yield a text in its passages: each begins or ends where a quoted one does, so that they may overlap."""
    inside = [each for each in quoted if 0 <= each["start"] < each["end"] <= len(text)]
    edges = sorted({0, len(text), *(each["start"] for each in inside), *(each["end"] for each in inside)})
    for start, end in pairwise(edges):
        covering = [each for each in inside if each["start"] <= start and end <= each["end"]]
        yield Passage(text[start:end], start, covering)


def find_cells(quoted: Iterable[Data]) -> list[Data]:
    """Return the cells of a file that evidence quotes, by their rows: each once, with the things that it is about."""
    cells: dict[tuple[int, int], dict[str, Any]] = {}
    for each in quoted:
        if each["row"] is not None:
            cell = cells.setdefault((each["row"], each["start"]), {**each, "subjects": {}})
            cell["subjects"][each["subject"]["stableId"]] = each["subject"]
    return [cell for _, cell in sorted(cells.items())]


def name_passage(evidence: Data) -> str:
    """Return the fragment of the address of a passage: of a cell by its row, too, in which its place is counted."""
    row = evidence["row"]
    return f"passage-{evidence['start']}" if row is None else f"passage-{row}-{evidence['start']}"
