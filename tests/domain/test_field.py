"""The declarations of fields are complete and agree with each other, and what follows from one is what it says."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.application.command_runner import PERMISSIONS
from ogpgraph.domain.action_plan import Cycle
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, COMMITMENT
from ogpgraph.domain.field import ANY_PATH, Dependency, DerivedDimension, Field, Filter, FilterKind, filter_kind_of
from ogpgraph.domain.member_table import MemberKind
from ogpgraph.domain.roles import GOVERNMENT, IRM, NOBODY
from ogpgraph.domain.values import CommitmentCode, PartialDate, Rating, TextListValue, TextValue
from ogpgraph.domain.vocabulary import CommitmentStatus, PolicyArea

ALL_FIELDS = [(each, field) for each in AGGREGATE_TYPES.values() for field in each.fields]
FIELD_IDS = [f"{aggregate_type.name}/{field.pattern}" for aggregate_type, field in ALL_FIELDS]
MUTATIONS_OF_TYPE = {
    "member": ("registerMember", "renameMember"),
    "plan": ("registerActionPlan", "reviseActionPlan", "concludeActionPlan"),
    "commitment": (
        "registerCommitment",
        "reviseCommitment",
        "translateCommitment",
        "linkCommitments",
    ),
}


def field_at(path: str) -> Field:
    return COMMITMENT.find_field(path)


@pytest.mark.parametrize("field", [field for _, field in ALL_FIELDS], ids=FIELD_IDS)
def test_a_field_has_a_label_and_a_sentence_of_description(field: Field) -> None:
    assert field.label[0].isupper()
    assert field.description.endswith(".")


@pytest.mark.parametrize(("aggregate_type", "field"), ALL_FIELDS, ids=FIELD_IDS)
def test_fields_with_the_same_first_segment_are_corrected_by_the_same_roles(
    aggregate_type: AggregateType, field: Field
) -> None:
    group = [each for each in aggregate_type.fields if each.group == field.group]
    assert {each.correction_roles for each in group} == {field.correction_roles}


@pytest.mark.parametrize("aggregate_type", AGGREGATE_TYPES.values(), ids=AGGREGATE_TYPES)
def test_names_of_filters_facets_and_labels_are_unique_in_an_aggregate_type(aggregate_type: AggregateType) -> None:
    declared: tuple[Field | DerivedDimension, ...] = (*aggregate_type.fields, *aggregate_type.dimensions)
    for names in (
        [each.filter.name for each in declared if each.filter],
        [each.facet for each in declared if each.facet],
        [each.label for each in aggregate_type.fields if each.group == each.name],
    ):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("aggregate_type", AGGREGATE_TYPES.values(), ids=AGGREGATE_TYPES)
def test_a_derived_dimension_depends_on_fields_of_its_type(aggregate_type: AggregateType) -> None:
    groups = {field.group for field in aggregate_type.fields}
    for dimension in aggregate_type.dimensions:
        assert {path.partition("/")[0] for path in dimension.paths} <= groups | {ANY_PATH}


@pytest.mark.parametrize("name", MUTATIONS_OF_TYPE)
def test_a_field_is_written_by_the_roles_that_may_use_the_mutations_of_its_type(name: str) -> None:
    fields = {field.group: field for field in AGGREGATE_TYPES[name].fields}
    for mutation in MUTATIONS_OF_TYPE[name]:
        for input_name, roles in PERMISSIONS[mutation].items():
            if input_name in fields:
                assert fields[input_name].written_by == roles, (mutation, input_name)


@pytest.mark.parametrize(
    ("value_type", "kind"),
    [
        (PartialDate, FilterKind.DATE),
        (Cycle, FilterKind.NUMBER),
        (int, FilterKind.NUMBER),
        (bool, FilterKind.BOOLEAN),
        (str, FilterKind.TEXT),
        (CommitmentCode, FilterKind.TEXT),
        (MemberKind, FilterKind.TEXT),
        (tuple[PolicyArea, ...], FilterKind.TEXT),
        (CommitmentStatus, FilterKind.ENUM),
        (tuple[CommitmentStatus, ...], FilterKind.ENUM),
        (TextValue, FilterKind.SEARCH),
        (TextListValue, FilterKind.SEARCH),
    ],
    ids=str,
)
def test_the_kind_of_a_filter_follows_from_the_type(value_type: Any, kind: FilterKind) -> None:
    assert filter_kind_of(value_type) is kind
    assert Field("x", value_type, "X", "X.", filter=Filter("x")).filter_kind is kind


def test_a_declared_kind_of_filter_precedes_that_of_the_type() -> None:
    assert field_at("code").filter_kind is FilterKind.CODE


def test_a_field_has_a_dimension_of_the_index_if_it_is_filtered_sorted_or_counted() -> None:
    assert Field("x", str, "X", "X.").index_dimension is None
    assert Field("x", str, "X", "X.", filter=Filter("y")).index_dimension == "x"
    assert Field("x", str, "X", "X.", is_sortable=True).index_dimension == "x"
    assert Field("x", str, "X", "X.", facet="X").index_dimension == "x"
    assert Field("x", str, "X", "X.", dimension="z").index_dimension == "z"


def test_the_name_of_a_field_is_its_last_fixed_segment() -> None:
    assert field_at("milestones/1/title/en").name == "title"
    assert field_at("milestones/1/title/en").group == "milestones"
    assert field_at("endsOn").name == "endsOn"
    assert field_at("title/en").is_localized
    assert not field_at("milestones/1/endsOn").is_localized


def test_who_may_write_a_field_may_correct_it_unless_declared_otherwise() -> None:
    assert field_at("endsOn").correction_roles == GOVERNMENT
    assert field_at("code").correction_roles == NOBODY
    assert field_at("cluster").written_by == NOBODY
    assert field_at("cluster").correction_roles == IRM


def test_a_response_with_texts_depends_on_the_text_store() -> None:
    assert field_at("endsOn").depends_on is Dependency.VERSION
    for value_type in (TextValue, TextListValue, Rating):
        assert Field("x", value_type, "X", "X.").depends_on is Dependency.TEXT_STORE
