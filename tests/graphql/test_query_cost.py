"""The size and the cost of documents, on a small schema with every shape that the cost depends on."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import build_schema, get_introspection_query, get_operation_ast, parse, validate
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.schema_converter import GraphQLCoreConverter

from ogpgraph.graphql.argument_cost import Tally
from ogpgraph.graphql.errors import LimitExceeded
from ogpgraph.graphql.query_cost import DocumentCost, measure_document
from ogpgraph.graphql.query_limits import QueryLimits, check_length
from ogpgraph.graphql.weights import INPUT_OBJECT_COST, MAX_ARGUMENT_VALUES, STATE_COST, computed, count_items, weighs

SCHEMA = build_schema("""
type Query { members(first: Int, last: Int, where: Filter): MemberConnection! member: Member meta: Meta!
  node(id: ID!): Node at(position: Int): Query found(codes: [String!], kinds: [Kind!], text: String): [Member!]! }
type Subscription { member(where: Filter): Member }
enum Kind { A B C }
input Filter { text: String in: [String!] and: [Filter!] twice: Filter kinds: [Kind!] }
interface Node { id: ID! }
type Meta { epoch: Int! }
type MemberConnection { nodes: [Member!]! edges: [MemberEdge!]! totalCount: Int! pageInfo: PageInfo! }
type MemberEdge { node: Member! cursor: String! }
type PageInfo { endCursor: String }
type Member implements Node { id: ID! name: String tags: [String!]! friends(first: Int): MemberConnection!
  parts: [Part!]! blame: [Part!]! milestones: [Part!]! then: Member }
type Part { name: String owner: Member quote: String }
""")


def declare(weight: Mapping[str, Any], type_: str, field: str, argument: str = "") -> None:
    """Declare a weight, as a class with fields of strawberry does."""
    declared: Any = SCHEMA.type_map[type_].fields[field]  # type: ignore[attr-defined]  # it has fields
    if argument:
        declared = declared.args[argument]
    declared.extensions = {GraphQLCoreConverter.DEFINITION_BACKREF: SimpleNamespace(metadata=weight)}


declare(computed(reads_list=True), "Query", "members")
declare(computed(reads_list=True), "Member", "friends")
declare(computed(opens_state=True), "Query", "at")
declare(computed(opens_state=True), "Member", "then")
declare(computed(7, item=3, length=lambda given: count_items(given.get("codes"))), "Query", "found")
declare(computed(2), "MemberConnection", "totalCount")
declare(computed(5, length=40), "Member", "blame")
declare(computed(length=6), "Member", "milestones")
declare(computed(2), "Part", "quote")
declare(weighs(item=0.5, max_items=4), "Query", "found", "codes")
declare(weighs(1, word=10), "Filter", "text")
declare(weighs(item=2, max_items=20), "Filter", "in")
declare(weighs(item=1, max_items=20), "Filter", "and")
declare(weighs(times=2), "Filter", "twice")
LIMITS = QueryLimits()


def measure(text: str, **variables: Any) -> DocumentCost:
    document = parse(text, no_location=True)
    return measure_document(SCHEMA, document, get_operation_ast(document), variables)


def exceeded_limit(text: str, **variables: Any) -> LimitExceeded:
    with pytest.raises(LimitExceeded) as raised:
        check(text, variables)
    return raised.value


def check(text: str, variables: dict[str, Any]) -> None:
    check_length(text, LIMITS)
    measure(text, **variables).check(LIMITS, LIMITS.cost)


@pytest.mark.parametrize(
    ("document", "cost"),
    [
        ("{ __typename }", 0),
        ("{ meta { epoch } }", 1),
        ("{ member { name tags } }", 1),
        ("{ members { nodes { name } } }", 100),
        ("{ members(first: 7) { nodes { name } } }", 7),
        ("{ members(last: 7) { nodes { name } } }", 7),
        ("{ members(first: 7) { edges { cursor node { name } } pageInfo { endCursor } } }", 7),
        ("{ members(first: 7) { nodes { name } edges { node { name } } } }", 14),
        ("{ members(first: 0) { nodes { name } totalCount } }", 2),
        ("{ members(first: null) { nodes { name } } }", 100),
        ("{ members(first: 7) { nodes { friends(first: 5) { nodes { name } } } } }", 7 + 7 * 5),
        ("{ members(first: 7) { nodes { parts { name owner { name } } } } }", 7 + 7 * 10 * 2),
        ("{ members(first: 7) { nodes { milestones { name } } } }", 7 + 7 * 6),
        ("{ members(first: 7) { nodes { blame { quote } } } }", 7 + 7 * (5 + 40 * (1 + 2))),
        ("{ members(first: 1000000) { nodes { name } } }", 100),
        ("{ members(first: -3) { nodes { name } } }", 0),
        ("{ members(first: 7) { ...F } } fragment F on MemberConnection { nodes { name } }", 7),
        ("{ members(first: 7) { ... { nodes { name } } } }", 7),
        ("{ a: member { ...M } b: member { ...M } } fragment M on Member { friends { nodes { name } } }", 202),
        ("{ node(id: 1) { ... on Member { parts { name } } } }", 11),
        ("{ nope { nope(first: 3) { nope } } }", 0),
    ],
)
def test_an_operation_costs_the_objects_that_it_can_return(document: str, cost: int) -> None:
    assert measure(document).cost.total == cost


@pytest.mark.parametrize(
    ("variables", "cost"),
    [({"n": 9}, 9), ({}, 4), ({"n": None}, 100), ({"n": "x"}, 100), ({"n": 10**30}, 100), ({"n": True}, 1)],
)
def test_a_page_size_in_a_variable_is_its_value_or_else_its_default(variables: dict[str, Any], cost: int) -> None:
    requested = measure("query ($n: Int = 4) { members(first: $n) { nodes { name } } }", **variables)
    assert requested.cost.total == cost
    assert {use.name for use in requested.uses} == {"n"}


def test_the_cost_is_that_of_the_selected_operation_only() -> None:
    document = parse("query A { member { name } } query B { members { nodes { name } } }")
    assert measure_document(SCHEMA, document, get_operation_ast(document, "A"), {}).cost.total == 1
    assert measure_document(SCHEMA, document, get_operation_ast(document, "B"), {}).cost.total == 100
    assert measure_document(SCHEMA, document, None, {}).cost.total == 0


def test_the_error_names_the_most_expensive_field_and_its_cost() -> None:
    friends = "friends { nodes { friends { nodes { name blame { quote } } } } }"
    error = exceeded_limit("{ members(first: 10) { nodes { name " + friends + " } } }")
    assert error.code == "COST_EXCEEDED"
    assert "costs 12601010" in str(error)
    assert "`members.nodes.friends.nodes.friends.nodes.blame.quote`, which costs 8000000." in str(error)


def chain(links: int, spreads: int) -> str:
    """Return a document with fragments each of which spreads the next one a number of times."""
    spread = "".join(f"fragment F{n} on Query {{ {f'...F{n + 1} ' * spreads} }} " for n in range(links))
    return f"{{ ...F0 }} {spread} fragment F{links} on Query {{ meta {{ epoch }} }}"


HOSTILE = {
    "fragments that double 60 times": (chain(60, 2), "TOO_MANY_FRAGMENTS"),
    "fragments that double 40 times": (chain(40, 2), "TOO_MANY_FIELDS"),
    "fragments that grow by 40": (chain(20, 40), "TOO_MANY_FIELDS"),
    "4,000 tokens": ("{" + " meta{epoch}" * 1_000 + "}", "TOO_MANY_TOKENS"),
    "4,000 tokens of one value": ("{ member(x: [" + "1 " * 4_000 + "]) { name } }", "TOO_MANY_TOKENS"),
    "10,000 aliases": ("{" + "".join(f" a{n}: meta {{ epoch }}" for n in range(10_000)) + "}", "TOO_MANY_TOKENS"),
    "280 aliases": ("{" + "".join(f" a{n}: meta {{ epoch }}" for n in range(280)) + "}", "TOO_MANY_ALIASES"),
    "the same field 480 times": ("{" + " meta{epoch}" * 480 + "}", "TOO_MANY_FIELDS"),
    "1,900 fields": ("{" + "".join(f" a{n}" for n in range(1_900)) + "}", "TOO_MANY_FIELDS"),
    "pairs of fields five deep": ("{" + "member{parts{owner{parts{owner{name}}}}}" * 120 + "}", "TOO_MANY_FIELDS"),
    "fields 150 deep": ("{ member" + " { parts { owner" * 75 + " { name }" + " } }" * 75 + " }", "TOO_DEEP"),
    "fields 30 deep": ("{ member" + " { parts { owner" * 15 + " { name }" + " } }" * 15 + " }", "TOO_DEEP"),
    "100 unused fragments": (chain(0, 0) + "fragment U on Query { meta { epoch } } " * 100, "TOO_MANY_FRAGMENTS"),
    "250 directives": ("{ meta" + " @skip(if: false)" * 250 + " { epoch } }", "TOO_MANY_DIRECTIVES"),
    "400,000 quotes": ('"' * 400_000, "TOO_MANY_TOKENS"),
    "an endless block string": ('{ a(b: """' + '\\"""' * 10_000, None),
    "an endless string": ('{ a(b: "' + '\\"' * 24_000, None),
    "lists of 100 in lists of 100": (
        "{ members { nodes { friends { nodes { friends { nodes { name } } } } } } }",
        "COST_EXCEEDED",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_rejected(name: str) -> None:
    document, code = HOSTILE[name]
    if code is None:
        check_length(document, LIMITS)  # the parser finds that the string does not end
    else:
        assert exceeded_limit(document).code == code


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_take_milliseconds_besides_parsing(name: str) -> None:
    document, _ = HOSTILE[name]
    # Ten times what it takes: one that is measured in quadratic time takes seconds.
    assert min(measuring_seconds(document) for _ in range(7)) < 0.05


def measuring_seconds(text: str) -> float:
    """Return the processor time of everything between a request and validation except parsing."""
    start, scanned = time.thread_time(), 0.0
    try:
        check_length(text, LIMITS)
        scanned = time.thread_time() - start
        document = parse(text, no_location=True)
        start = time.thread_time() - scanned
        measure_document(SCHEMA, document, get_operation_ast(document), {}).check(LIMITS, LIMITS.cost)
    except LimitExceeded:
        return time.thread_time() - start
    except Exception:
        return scanned
    return time.thread_time() - start


def test_cyclic_fragments_are_measured_and_left_to_validation() -> None:
    text = "{ ...A } fragment A on Query { meta { epoch } ...B } fragment B on Query { ...A }"
    assert measure(text).cost.total == 1
    assert any("Cannot spread fragment" in error.message for error in validate(SCHEMA, parse(text)))


def test_documents_within_the_limits_are_validated_quickly() -> None:
    repeated = "{" + " meta{epoch}" * 50 + "".join(f" a{n}: member {{ name tags }}" for n in range(90)) + "}"
    fragments = "".join(f"fragment F{n} on Query {{ member {{ name tags id }} meta {{ epoch }} }} " for n in range(48))
    spread = "{" + "".join(f" ...F{n}" for n in range(48)) + "} " + fragments
    for text in (repeated, spread):
        document = parse(text)
        measure_document(SCHEMA, document, get_operation_ast(document), {}).check(LIMITS, LIMITS.cost)
        start = time.thread_time()
        assert not validate(SCHEMA, document)
        assert time.thread_time() - start < 0.5


def test_introspection_queries_are_within_the_limits() -> None:
    for options in ({}, {"input_value_deprecation": True, "specified_by_url": True, "schema_description": True}):
        text = get_introspection_query(**options)
        check_length(text, LIMITS)
        requested = measure(text)
        requested.check(LIMITS, LIMITS.cost)
        assert requested.cost.total < 10_000


@given(st.text(alphabet='{}()"\\#\n a1.…\x00', max_size=300))
def test_the_scan_counts_no_more_tokens_than_the_parser(text: str) -> None:
    try:
        document = parse(text)
    except Exception:
        return
    tokens = 0
    token = document.loc.start_token if document.loc else None
    while token is not None:
        tokens += token.kind.value not in ("<SOF>", "<EOF>")
        token = token.next
    check_length(text, QueryLimits(tokens=max(tokens, 1)))


# Arguments


FILTERED = "query ($where: Filter) { members(first: 1, where: $where) { nodes { name } } }"


@pytest.mark.parametrize(
    ("literal", "value", "cost"),
    [
        ("null", None, 0),
        ("{}", {}, 0),
        ('{text: "a"}', {"text": "a"}, 1 + 10),
        ('{text: " a  b\\nc "}', {"text": " a  b\nc "}, 1 + 30),
        ('{in: ["a", "b"]}', {"in": ["a", "b"]}, 4),
        ('{in: "a"}', {"in": "a"}, 2),
        ("{in: []}", {"in": []}, 0),
        ("{in: null, text: null}", {"in": None, "text": None}, 0),
        ('{and: [{text: "a"}, {text: "b"}]}', {"and": [{"text": "a"}, {"text": "b"}]}, 2 + 2 * 11),
        ('{twice: {text: "a", in: ["b"]}}', {"twice": {"text": "a", "in": ["b"]}}, INPUT_OBJECT_COST + 2 * (11 + 2)),
        ("{kinds: [A, B]}", {"kinds": ["A", "B"]}, 0),
        ('{in: ["' + "x" * 2_500 + '"]}', {"in": ["x" * 2_500]}, 2 + 2),
        ("{nope: [1]}", {"nope": [1]}, 0),
        ("7", 7, 0),
    ],
)
def test_an_argument_costs_the_same_as_a_literal_and_as_a_variable(literal: str, value: Any, cost: int) -> None:
    inline = f"{{ members(first: 1, where: {literal}) {{ nodes {{ name }} }} }}"
    default = FILTERED.replace("Filter)", f"Filter = {literal})")
    cost += INPUT_OBJECT_COST * literal.count("{")
    assert [measure(inline).cost.total, measure(FILTERED, where=value).cost.total] == [1 + cost] * 2
    assert measure(default).cost.total == 1 + cost
    assert measure(default, where=None).cost.total == 1


@pytest.mark.parametrize("value", [{"text": ["a"]}, {"in": {"a": 1}}, {"and": "a"}, "a", ["a"], {"twice": [[]]}, True])
def test_a_value_of_the_wrong_type_is_measured_and_left_to_coercion(value: Any) -> None:
    assert measure(FILTERED, where=value).cost.total < 20


def test_variables_inside_of_literals_cost_what_they_are() -> None:
    document = (
        'query ($t: String, $i: String = "b") { members(first: 1, where: {text: $t, in: [$i, $i]}) { totalCount } }'
    )
    assert measure(document).cost.total == INPUT_OBJECT_COST + 2 + 4
    assert measure(document, t="x y").cost.total == INPUT_OBJECT_COST + 2 + 4 + 21
    assert measure(document, t="x y", i="b" * 3_000).cost.total == INPUT_OBJECT_COST + 2 + 4 + 21 + 2 * 3


def test_arguments_of_nested_fields_cost_as_often_as_these_are_computed() -> None:
    members = "{ members(first: 5) { nodes { friends(first: 1) { totalCount } } } }"
    assert measure(members).cost.total == 5 + 5 * 2
    nested = "{ found(codes: [A, B]) { friends(first: 3) { nodes { name } } } }"
    assert measure(nested).cost.total == 7 + 2 * 3 + 2 * 0.5 + 2 * (1 + 3)


@pytest.mark.parametrize(("value", "number"), [(["a", "b"], 2), ("a", 1), ([], 0), (None, 0), (7, 1)])
def test_the_length_of_a_list_may_follow_from_an_argument(value: Any, number: int) -> None:
    document = "query ($codes: [String!]) { found(codes: $codes) { name } }"
    weight = 0 if value is None else number * 0.5 if isinstance(value, list) else 0.5
    assert measure(document, codes=value).cost.total == int(7 + number * (3 + 1) + weight + 0.5)


def test_a_list_costs_more_in_another_state_of_the_record_and_each_state_once() -> None:
    lists = "a: members(first: 1) { totalCount } b: members(first: 1) { nodes { friends(first: 0) { totalCount } } }"
    now = measure(f"{{ {lists} }}").cost.total
    assert measure(f"{{ at(position: 1) {{ {lists} }} }}").cost.total == 1 + now + STATE_COST
    assert measure("{ at(position: 1) { meta { epoch } } }").cost.total == 2
    each = "{ members(first: 9) { nodes { then { friends(first: 0) { totalCount } } } } }"
    assert measure(each).cost.total == 9 * (1 + 1 + 2 + STATE_COST)
    assert (
        measure(
            "{ members(first: 9) { ...M } } fragment M on MemberConnection "
            "{ nodes { then { friends(first: 0) { totalCount } } } }"
        ).cost.total
        == measure(each).cost.total
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"in": ["a"] * 21}, "`Filter.in` has 21 values, but may have 20"),
        ({"and": [{}] * 50_000}, "`Filter.and` has 50000 values, but may have 20"),
        ({"and": [{"twice": {"in": [*"abcdefghijklmnopqrstu"]}}]}, "`Filter.in` has 21"),
        ({"kinds": ["A"] * 4}, "`Filter.kinds` has 4 values, but may have 3"),
        ({f"field{n}": 1 for n in range(6)}, "`where` has 6 values, but may have 5"),
    ],
)
def test_a_list_that_is_too_long_is_named_with_its_greatest_length(value: Any, message: str) -> None:
    error = exceeded_limit(FILTERED, where=value)
    assert error.code == "TOO_MANY_VALUES"
    assert message in str(error)


def test_literal_lists_have_the_same_limits() -> None:
    error = exceeded_limit("{ found(codes: [1, 2, 3, 4, 5]) { name } }")
    assert (error.code, "`codes` has 5 values, but may have 4" in str(error)) == ("TOO_MANY_VALUES", True)
    assert exceeded_limit("{ found(kinds: [A, B, C, A]) { name } }").code == "TOO_MANY_VALUES"


def test_all_values_of_an_operation_are_counted_together_and_depth_is_bounded() -> None:
    wide: Any = {"in": ["a"] * 20}
    for _ in range(3):
        wide = {"and": [wide] * 20}
    error = exceeded_limit(FILTERED, where=wide)
    assert error.code == "TOO_MANY_VALUES"
    assert str(MAX_ARGUMENT_VALUES) in str(error)
    deep: Any = {}
    for _ in range(40):
        deep = {"and": [deep]}
    assert exceeded_limit(FILTERED, where=deep).code == "TOO_DEEP"
    literal = "{and: [" * 40 + "]}" * 40
    assert exceeded_limit(f"{{ members(where: {literal}) {{ totalCount }} }}").code == "TOO_DEEP"


def test_the_error_names_an_argument_if_that_is_the_most_expensive_part() -> None:
    where = {"and": [{"text": "a b c d e f g h i"}] * 20}
    document = "query ($where: Filter) { members(first: 5) { nodes { friends { nodes { name } } } } b: " + FILTERED[24:]
    with pytest.raises(LimitExceeded, match=r"part is `members\(where:\)`, which costs 1945. Ask for less by this arg"):
        measure(document, where=where).check(LIMITS, 1_000)


def test_what_an_operation_used_is_its_fixed_part_and_its_share_of_what_lists_repeat() -> None:
    cost = measure('{ members(where: {text: "a"}) { totalCount nodes { quoted: blame { quote } } } }').cost
    assert (cost.once, cost.objects) == (INPUT_OBJECT_COST + 11 + 2, 100 + 100 * 40)
    assert cost.total == cost.once + 100 * (1 + 5 + 40 * (1 + 2))
    assert cost.used(0) == cost.once
    assert cost.used(41) == cost.once + 1 + 5 + 40 * 3
    assert cost.used(10**9) == cost.total
    assert measure("{ member { name } }").cost.used(1) == 1


def test_each_entry_of_a_subscription_costs_its_selection_without_the_filter() -> None:
    cost = measure(
        'subscription { ...S } fragment S on Subscription { member(where: {text: "a b"}) { blame { quote } } }'
    ).cost
    assert cost.total == INPUT_OBJECT_COST + 21 + 1 + 5 + 40 * 3
    assert cost.of_entry.total == 1 + 5 + 40 * 3
    assert (cost.of_entry.used(0), cost.of_entry.used(10**6)) == (5, cost.of_entry.total)


def test_the_uses_of_variables_tell_operations_of_different_costs_apart() -> None:
    document = """query ($where: Filter, $n: Int) { a: members(first: $n, where: $where) { nodes { name } }
        b: found(codes: ["a"], text: $t) { name } at(position: $n) { meta { epoch } } }"""
    keys: dict[tuple[object, ...], int] = {}
    for variables in ({}, {"n": 1}, {"n": 2}, {"where": {"text": "a"}}, {"where": {"text": "b"}}, {"t": "x" * 5_000}):
        measured = measure(document, **variables)
        key = tuple(use.read(variables, Tally()) for use in measured.uses)
        assert keys.setdefault(key, measured.cost.total) == measured.cost.total
    assert len(keys) == 5  # two texts of one word cost the same


def test_the_variables_of_another_operation_are_not_measured() -> None:
    document = parse(
        "query A($c: [String!]) { found(codes: $c) { name } } query B($c: Int) { members(first: $c) { totalCount } }"
    )
    measured = measure_document(SCHEMA, document, get_operation_ast(document, "B"), {"c": ["x"] * 100})
    assert measured.cost.total == 2


def test_introspection_costs_more_the_more_it_nests() -> None:
    flat = measure("{ __schema { types { name fields { name } } } }").cost.total
    nested = measure("{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }").cost.total
    assert 500 < flat < 3_000
    assert nested > 3 * flat
