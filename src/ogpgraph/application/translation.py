"""The one translation of an input into a stored value, driven by the type that a field or an input declares.

GraphQL inputs, corrections, pages and spreadsheets all have texts, lists, dates and terms of a vocabulary. A text
becomes a reference, a list a tuple. The input of clients is limited in size, and refused as Invalid where it does not
fit its type. A source's values are stored as the source has them; one that cannot be stored is reported and left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeVar, cast, get_args

import msgspec

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.command import Command, CommandType, Format, Input
from ogpgraph.domain.commitment import complete_plan_correction
from ogpgraph.domain.correction import CorrectedField
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Facts
from ogpgraph.domain.irm_database import PLAIN_CELL, DatabaseCell
from ogpgraph.domain.milestone_number import normalize_milestone_path
from ogpgraph.domain.source import CREDENTIALS
from ogpgraph.domain.state_id import require_plain_id
from ogpgraph.domain.text import has_visible_character, normalize_text
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import (
    PlainValue,
    Rating,
    ReportedRating,
    TextListValue,
    TextValue,
    TranslationKind,
    Value,
)
from ogpgraph.domain.vocabulary import POLICY_AREAS, PolicyArea

T = TypeVar("T")
MAX_TEXT_LENGTH = 100_000
MAX_LIST_ITEMS = 200
_POLICY_AREAS = {area.casefold(): area for area in POLICY_AREAS}


def validate_item_count(items: Sequence[T], field: str) -> Sequence[T]:
    """Return a list that is not too long; raises Invalid."""
    if len(items) > MAX_LIST_ITEMS:
        raise Invalid(f"{field} has {len(items)} items; {MAX_LIST_ITEMS} are the most", field)
    return items


def normalize_sent_text(text: str, field: str) -> str:
    """Return a text that a person sent as it is stored, so that texts that look equal are equal.

    Raises Invalid for one that is too long, shows nothing, has a control character, or a URL with a password.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise Invalid(f"{field} has {len(text):,} characters; {MAX_TEXT_LENGTH:,} are the most", field)
    normalized = normalize_text(text, field)
    if CREDENTIALS.search(normalized):
        raise Invalid(f"{field} contains a URL with a user's name or password: send it without these", field)
    return normalized


def normalize_item(text: str, field: str) -> str:
    """Return an item of a list of texts as it is stored; raises Invalid for one with a line break or a tab, too."""
    normalized = normalize_sent_text(text, field)
    if "\n" in normalized or "\t" in normalized:
        raise Invalid(f"{field}: an item of the list cannot contain a line break or a tab", field)
    return normalized


def normalize_policy_areas(areas: Sequence[str], field: str) -> tuple[PolicyArea, ...]:
    """Return policy areas in OGP's spelling, without duplicates; raises Invalid, suggesting the nearest one."""
    unknown = next((area for area in areas if area.casefold() not in _POLICY_AREAS), None)
    if unknown is not None:
        near = get_close_matches(unknown, POLICY_AREAS, n=1)
        suggestion = f"; did you mean {near[0]}?" if near else ""
        raise Invalid(f"OGP has no policy area {unknown[:80]!r}{suggestion}", field)
    return tuple(dict.fromkeys(PolicyArea(_POLICY_AREAS[area.casefold()]) for area in areas))


def translate_command(
    uow: UnitOfWork, declaration: CommandType, sent: Mapping[str, Any], references: Mapping[str, Any]
) -> Command:
    """Return a command with the values of its inputs; those that are not sent have their defaults.

    `references` are the inputs that refer to aggregates, which are resolved before the command is authorized. Raises
    Invalid, at the input.
    """
    values = _translate_inputs(uow, declaration.inputs, sent, sent.get("translation_kind"), references)
    return declaration.command(**values, **references)


def _translate_inputs(
    uow: UnitOfWork,
    inputs: Sequence[Input],
    sent: Mapping[str, Any],
    kind: TranslationKind | None,
    resolved: Container[str] = (),
) -> dict[str, Any]:
    """Return name → value of the inputs of a command, or of one item of such an input."""
    return {
        each.name: _translate_input(uow, each, sent[each.name], kind)
        for each in inputs
        if each.name in sent and each.name not in resolved
    }


def _translate_input(uow: UnitOfWork, declared: Input, value: Any, kind: TranslationKind | None) -> Any:
    field = declared.sent_name
    if value is None:
        return clear_input(declared)
    if declared.format:
        return validate_format(value, declared.format, field)
    if declared.item_inputs:
        return tuple(_translate_item(uow, declared, each, kind) for each in validate_item_count(value, field))
    if isinstance(value, Enum):
        return value
    if isinstance(value, list):
        validate_item_count(value, field)
    return translate_sent_value(uow, declared.type, value, field, kind or TranslationKind.ORIGINAL)


def clear_input(declared: Input) -> None:
    """Return None, which clears the field of an input; raises Invalid for every other input."""
    if not declared.is_clearable:
        raise Invalid(f"{declared.sent_name} cannot be null: leave it out, or send a value", declared.sent_name)


def _translate_item(uow: UnitOfWork, declared: Input, item: Mapping[str, Any], kind: TranslationKind | None) -> Any:
    """Return one item of a list; raises Invalid at the list, with the name of the item's field in the message."""
    item_type = get_args(declared.type)[0]
    try:
        return item_type(**_translate_inputs(uow, declared.item_inputs, item, kind))
    except Invalid as invalid:
        invalid.path = declared.sent_name
        raise


def corrected_path(change: Mapping[str, Any]) -> str:
    """Return the path that a change is about: that of a rating for that of its value, which entries show separately."""
    path = normalize_milestone_path(change["path"].strip("/"))
    return path.removesuffix("/value") if path.startswith("ratings/") else path


def translate_changes(
    uow: UnitOfWork, aggregate: Aggregate, changes: Sequence[Mapping[str, Any]]
) -> tuple[CorrectedField, ...]:
    """Return the corrected fields of an aggregate with their values as stored; raises Invalid and NotFound.

    A correction does not change how a translation was made.
    """
    corrected: Facts = {}
    for change in validate_item_count(changes, "changes"):
        path = corrected_path(change)
        if "value" not in change:
            raise Invalid(f"{path}: value is missing; send null to drop what the entry stated", "changes")
        if path in corrected:
            raise Invalid(f"{path} is corrected twice", "changes")
        corrected[path] = _translate_corrected_value(uow, aggregate, path, change["value"])
    if aggregate.type == "commitment":
        corrected = complete_plan_correction(uow, aggregate, corrected)
    return tuple(CorrectedField(path, value) for path, value in corrected.items())


def _translate_corrected_value(uow: UnitOfWork, aggregate: Aggregate, path: str, value: Any) -> Value | None:
    if value is None:
        return None
    field = AGGREGATE_TYPES[aggregate.type].find_field(path)
    if field.refers_to:
        return _find_referenced(uow, field.refers_to, _require_text(value, path).strip(), path).id
    sent = field.normalize(value) if field.normalize and isinstance(value, str) else value
    return translate_sent_value(uow, field.type, sent, path, _translation_kind(aggregate, path))


def _find_referenced(uow: UnitOfWork, aggregate_type: str, key: str, path: str) -> Aggregate:
    """Return an aggregate by its code or id, as the corrected value at a path; raises NotFound."""
    is_id = key.startswith(f"{aggregate_type}-")
    stream = require_plain_id(key, path) if is_id else uow.resolve_code(aggregate_type, key)
    found = uow.aggregate(stream) if stream else None
    if found is None or not found.revision:
        raise NotFound(f"{path}: there is no {aggregate_type} {key[:80]}", path)
    return found


def _translation_kind(aggregate: Aggregate, path: str) -> TranslationKind:
    current = aggregate.value(path)
    return current.translation_kind if isinstance(current, (TextValue, TextListValue)) else TranslationKind.ORIGINAL


def validate_format(text: str, form: Format, field: str) -> str:
    """Return a text, normalized, that matches a format and is known where that matters; raises Invalid."""
    normalized = form.normalize(text)
    if not re.fullmatch(form.pattern, normalized) or not form.is_known(normalized):
        raise Invalid(f"{normalized[:40]!r} is not {form.form}", field)
    return normalized


def to_stored_value(
    uow: UnitOfWork, declared: Any, value: PlainValue, translation_kind: TranslationKind = TranslationKind.ORIGINAL
) -> Value:
    """Return a value as the type that its field declares: texts by reference, ratings as structs, lists as tuples.

    A value that does not fit the type, a date, a number and a term of a vocabulary are validated when the event is
    appended. Raises Invalid for a text that cannot be stored.
    """
    if isinstance(value, ReportedRating):
        return _to_stored_rating(uow, value)
    if isinstance(value, (tuple, list)):
        if declared is TextListValue:
            return TextListValue(tuple(uow.text_ref(text) for text in value), translation_kind)
        return tuple(value)
    if declared is TextValue:
        return uow.text_value(str(value), translation_kind)
    if declared == DatabaseCell:
        return str(value) if re.fullmatch(PLAIN_CELL, str(value)) else uow.text_value(str(value), translation_kind)
    return cast(Value, value.value) if isinstance(value, Enum) else value


ReportUnrecorded = Callable[[str, str], None]
"""Called with the path of a value that is not recorded, and a text with the value and the reason."""


def to_published_facts(
    uow: UnitOfWork,
    aggregate_type: AggregateType,
    values: Mapping[str, PlainValue],
    report_unrecorded: ReportUnrecorded,
    translation_kind: TranslationKind = TranslationKind.UNKNOWN,
) -> Facts:
    """Return what one observation of a source states, path → value, as stored values of an aggregate's fields.

    A value that cannot be stored is reported and left out: a date that the calendar does not have, begin and end of a
    period that are in the wrong order, a text that shows nothing. The source's text, which is its evidence, has it.
    Raises Invalid at a path that has no field.
    """
    facts: Facts = {}
    for path, value in values.items():
        declared = aggregate_type.find_field(path).type
        try:
            stored = to_stored_value(uow, declared, _visible_texts(declared, value), translation_kind)
            if isinstance(stored, (str, tuple)):
                aggregate_type.validate_value(path, stored)
        except Invalid as invalid:
            reason = invalid.message if invalid.path == path else f"{path}: {invalid.message}"
            report_unrecorded(path, f"{reason}; not recorded")
        else:
            facts[path] = stored
    for begin, end in aggregate_type.reversed_periods(facts, facts.get):
        report_unrecorded(end, f"{end}: {facts[end]} is before {begin}, {facts[begin]}; neither is recorded")
        del facts[begin], facts[end]
    return facts


def _visible_texts(declared: Any, value: PlainValue) -> PlainValue:
    """Return a list of texts without items that show nothing; a rating without such texts; any other value as it is."""
    if declared is TextListValue and isinstance(value, (tuple, list)):
        return tuple(filter(has_visible_character, value))
    if isinstance(value, ReportedRating):
        stated_as, irm_report = (
            text if text and has_visible_character(text) else None for text in (value.stated_as, value.irm_report)
        )
        return msgspec.structs.replace(value, stated_as=stated_as, irm_report=irm_report)
    return value


def _to_stored_rating(uow: UnitOfWork, rating: ReportedRating) -> Rating:
    stated_as, irm_report = (
        None if text is None else uow.text_ref(text) for text in (rating.stated_as, rating.irm_report)
    )
    return Rating(rating.state, rating.value, stated_as, irm_report)


# The input of clients


def translate_sent_value(uow: UnitOfWork, declared: Any, value: Any, field: str, kind: TranslationKind) -> Value:
    """Return what a client sends as a stored value; raises Invalid, with `field` in its message and path."""
    return to_stored_value(uow, declared, _normalize_sent_value(declared, value, field), kind)


def _normalize_sent_value(declared: Any, value: Any, field: str) -> PlainValue:
    if declared is TextValue or declared == DatabaseCell:
        return normalize_sent_text(_require_text(value, field), field)
    if declared is TextListValue:
        return [normalize_item(text, field) for text in validate_item_count(_require_texts(value, field), field)]
    if declared is Rating:
        return _parse_rating(value, field)
    if declared == tuple[PolicyArea, ...]:
        return normalize_policy_areas(_require_texts(value, field), field)
    if isinstance(value, str):
        return normalize_sent_text(value, field)
    return cast(PlainValue, value)


def _parse_rating(value: Any, field: str) -> ReportedRating:
    try:
        rating = msgspec.convert({"value": value} if isinstance(value, str) else value, ReportedRating)
    except msgspec.ValidationError as error:
        raise Invalid(f"{field}: {error}", field) from error
    stated_as, irm_report = (
        normalize_sent_text(text, name) if text else None
        for name, text in (("statedAs", rating.stated_as), ("irmReport", rating.irm_report))
    )
    return msgspec.structs.replace(rating, stated_as=stated_as, irm_report=irm_report)


def _require_text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{field} is a text", field)
    return value


def _require_texts(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid(f"{field} is a list of texts", field)
    return value
