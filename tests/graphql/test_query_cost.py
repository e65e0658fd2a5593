"""The size and the cost of documents, on a small schema with every shape that the cost depends on."""

import time
from typing import Any

import pytest
from graphql import build_schema, get_introspection_query, get_operation_ast, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.graphql import query_cost, schema
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.query_cost import DocumentCost, LimitExceeded, QueryLimits, check_length, measure_document

SCHEMA = build_schema("""
type Query { members(first: Int, last: Int): MemberConnection! member: Member meta: Meta! node(id: ID!): Node }
interface Node { id: ID! }
type Meta { epoch: Int! }
type MemberConnection { nodes: [Member!]! edges: [MemberEdge!]! totalCount: Int! pageInfo: PageInfo! }
type MemberEdge { node: Member! cursor: String! }
type PageInfo { endCursor: String }
type Member implements Node { id: ID! name: String tags: [String!]! friends(first: Int): MemberConnection!
  parts: [Part!]! blame: [Part!]! milestones: [Part!]! }
type Part { name: String owner: Member quote: String }
""")
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
    assert measure(document).cost == cost


@pytest.mark.parametrize(
    ("variables", "cost"),
    [({"n": 9}, 9), ({}, 4), ({"n": None}, 100), ({"n": "x"}, 100), ({"n": 10**30}, 100), ({"n": True}, 1)],
)
def test_a_page_size_in_a_variable_is_its_value_or_else_its_default(variables: dict[str, Any], cost: int) -> None:
    requested = measure("query ($n: Int = 4) { members(first: $n) { nodes { name } } }", **variables)
    assert requested.cost == cost
    assert requested.page_size_variables == {"n"}


def test_the_cost_is_that_of_the_selected_operation_only() -> None:
    document = parse("query A { member { name } } query B { members { nodes { name } } }")
    assert measure_document(SCHEMA, document, get_operation_ast(document, "A"), {}).cost == 1
    assert measure_document(SCHEMA, document, get_operation_ast(document, "B"), {}).cost == 100
    assert measure_document(SCHEMA, document, None, {}).cost == 0


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
def test_hostile_documents_take_less_than_5_ms_besides_parsing(name: str) -> None:
    document, _ = HOSTILE[name]
    assert min(measuring_seconds(document) for _ in range(7)) < 0.005


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
    assert measure(text).cost == 1
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
        assert requested.cost < 1_000


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


def test_every_priced_field_exists_in_the_schema() -> None:
    fields = {
        name
        for kind in core_schema(schema.build_schema()).type_map.values()
        for name in getattr(kind, "fields", {})
        if not kind.name.startswith("__")
    }
    reserved = {"__schema", "__type"}
    assert set(query_cost.FIELD_COSTS) - reserved <= fields
    assert set(query_cost.LIST_LENGTHS) <= fields
