"""The five operations in the dialect of each server, and the sets of variables that they are sent with.

All dialects ask for the same data: `bench.serving.comparison` verifies it. The peers' documents are as their
documentation writes such queries.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from bench.data import AREAS, REGIONS
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator

Variables = dict[str, Any]
VARIABLE_SETS = 64
MEMBERS_OF_LIST, AREAS_OF_LIST, VALUES_OF_LIST = 40, 3, 3
MEMBERS_OF_TREE = 3


class Operation(StrEnum):
    """An operation; its value describes it."""

    Q1 = "a commitment with its plan, milestones, ratings and 20 entries"
    Q2 = "100 filtered commitments with plan, member, milestones, ratings"
    Q3 = "facets of a region: completion by cycle, policy areas"
    Q4 = "3 members with all plans, commitments, milestones, ratings"
    Q5 = "100 entries of the log with changes and evidence"


class Dialect(StrEnum):
    """The schema that a server's documents are written for."""

    OGPGRAPH = "ogpgraph"
    MERCURIUS = "mercurius"
    POSTGRAPHILE = "postgraphile"


class Known(NamedTuple):
    """What variables are chosen from: codes of commitments and members, and the number of entries."""

    commitments: Sequence[str]
    members: Sequence[str]
    entries: int


class RequestBody(NamedTuple):
    """What is sent to a GraphQL server."""

    query: str
    variables: Variables

    def encode(self) -> bytes:
        """Return the JSON of a request."""
        return json.dumps(self._asdict(), separators=(",", ":")).encode()


_MILESTONES = "milestones { number title endsOn status }"
_RATINGS = "ratings { indicator stage value }"
_TEXTS = "code title description commitmentText number cycle status"
_STATED = "ratings { indicator stage value statedAs }"
_ENTRY = "position kind recordedAt actor"
_CHANGES = "changes { path before after }"
_EVIDENCE = "evidence { path quote start end }"

OGPGRAPH_DOCUMENTS = {
    Operation.Q1: f"""query Q1($code: String!) {{ commitment(code: $code) {{ {_TEXTS}
        actionPlan {{ title cycle member {{ code name }} }} {_MILESTONES} {_STATED}
        history(first: 20) {{ nodes {{ {_ENTRY} }} }} }} }}""",
    Operation.Q2: f"""query Q2($codes: [String!], $areas: [String!], $completion: [RatingValue!]) {{
        commitments(first: 100, where: {{member: {{code: {{in: $codes}}}}, policyArea: {{in: $areas}},
        rating: {{indicator: COMPLETION, value: $completion}}}}) {{ nodes {{ code title cycle
        actionPlan {{ title cycle member {{ code name region }} }} {_MILESTONES} {_RATINGS} }} }} }}""",
    Operation.Q3: """query Q3($region: String, $areas: [String!]) {
        commitments(where: {member: {region: {eq: $region}}, policyArea: {in: $areas}}) {
        completion: facets(dimensions: [COMPLETION], across: CYCLE) { values { value across { value count } } }
        areas: facets(dimensions: [POLICY_AREA]) { values { value count } } } }""",
    Operation.Q4: f"""query Q4($codes: [String!]) {{ members(first: 3, where: {{code: {{in: $codes}}}}) {{ nodes {{
        code name region actionPlans(first: 20) {{ nodes {{ title cycle status commitments(first: 20) {{ nodes {{
        code title {_MILESTONES} {_RATINGS} }} }} }} }} }} }} }}""",
    Operation.Q5: f"""query Q5($before: String) {{ entries(last: 100, before: $before) {{ nodes {{
        {_ENTRY} reason {_CHANGES} subject {{ ... on Commitment {{ code }} }} {_EVIDENCE} }} }} }}""",
}
"""The documents of ogpgraph; in Q5 `before` is an entry's cursor. Q4 names sizes of pages, which bound its cost."""

MERCURIUS_DOCUMENTS = {
    Operation.Q1: f"""query Q1($code: String!) {{ commitment(code: $code) {{ {_TEXTS}
        actionPlan {{ title cycle member {{ code name }} }} {_MILESTONES} {_STATED}
        history(first: 20) {{ {_ENTRY} }} }} }}""",
    Operation.Q2: f"""query Q2($codes: [String!], $areas: [String!], $completion: [String!]) {{
        commitments(first: 100, codes: $codes, areas: $areas, completion: $completion) {{ code title cycle
        actionPlan {{ title cycle member {{ code name region }} }} {_MILESTONES} {_RATINGS} }} }}""",
    Operation.Q3: """query Q3($region: String, $areas: [String!]) { facets(region: $region, areas: $areas) {
        completion { value across { value count } } areas { value count } } }""",
    Operation.Q4: f"""query Q4($codes: [String!]!) {{ members(codes: $codes) {{ code name region
        actionPlans {{ title cycle status commitments {{ code title {_MILESTONES} {_RATINGS} }} }} }} }}""",
    Operation.Q5: f"""query Q5($before: Int) {{ entries(last: 100, before: $before) {{
        {_ENTRY} reason {_CHANGES} subject {{ code }} {_EVIDENCE} }} }}""",
}
"""The documents of a schema with plain lists, for Mercurius and the idiomatic Strawberry."""

_PG_MILESTONES = f"milestones: milestonesByCommitmentId(orderBy: PLACE_ASC) {{ nodes {_MILESTONES.partition(' ')[2]} }}"
_PG_RATINGS = "ratings: ratingsByCommitmentId(orderBy: PLACE_ASC) { nodes { indicator stage value } }"
_PG_STATED = "ratings: ratingsByCommitmentId(orderBy: PLACE_ASC) { nodes { indicator stage value statedAs } }"

POSTGRAPHILE_DOCUMENTS = {
    Operation.Q1: f"""query Q1($code: String!) {{ commitment: commitmentByCode(code: $code) {{ {_TEXTS}
        actionPlan: planByPlanId {{ title cycle member: memberByMemberId {{ code name }} }}
        {_PG_MILESTONES} {_PG_STATED}
        history: entriesByCommitmentId(first: 20, orderBy: POSITION_ASC) {{ nodes {{ {_ENTRY} }} }} }} }}""",
    Operation.Q2: f"""query Q2($codes: [String!], $areas: [String!], $completion: [String!]) {{
        commitments: allCommitments(first: 100, orderBy: CODE_ASC, filter: {{memberCode: {{in: $codes}},
        policyAreas: {{overlaps: $areas}}, completion: {{in: $completion}}}}) {{ nodes {{ code title cycle
        actionPlan: planByPlanId {{ title cycle member: memberByMemberId {{ code name region }} }}
        {_PG_MILESTONES} {_PG_RATINGS} }} }} }}""",
    Operation.Q3: """query Q3($region: String, $areas: [String]) {
        facets(region: $region, areas: $areas) { nodes { dimension value across count } } }""",
    Operation.Q4: f"""query Q4($codes: [String!]!) {{
        members: allMembers(orderBy: CODE_ASC, filter: {{code: {{in: $codes}}}}) {{ nodes {{ code name region
        actionPlans: plansByMemberId(orderBy: ROW_ID_ASC) {{ nodes {{ title cycle status
        commitments: commitmentsByPlanId(orderBy: CODE_ASC) {{ nodes {{ code title
        {_PG_MILESTONES} {_PG_RATINGS} }} }} }} }} }} }} }}""",
    Operation.Q5: f"""query Q5($before: Int) {{
        entries: allEntries(last: 100, orderBy: POSITION_ASC, filter: {{position: {{lessThan: $before}}}}) {{
        nodes {{ {_ENTRY} reason changes subject: commitmentByCommitmentId {{ code }} evidence }} }} }}""",
}
"""The documents of PostGraphile 5; changes and evidence are columns of JSON, facets are rows of a function."""

DOCUMENTS = {
    Dialect.OGPGRAPH: OGPGRAPH_DOCUMENTS,
    Dialect.MERCURIUS: MERCURIUS_DOCUMENTS,
    Dialect.POSTGRAPHILE: POSTGRAPHILE_DOCUMENTS,
}
MUTATIONS = {
    Dialect.OGPGRAPH: """mutation Write($code: String!, $title: String!) {
        reviseCommitment(input: {commitment: $code, title: $title}) { errors { message } } }""",
    Dialect.MERCURIUS: "mutation Write($code: String!, $title: String!) { revise(code: $code, title: $title) }",
    Dialect.POSTGRAPHILE: """mutation Write($code: String!, $title: String!) {
        revise(input: {commitmentCode: $code, newTitle: $title}) { result } }""",
}
"""What a writer sends: another title of a commitment, which adds one entry."""


def choose_variables(operation: Operation, known: Known, seed: int = 5) -> list[Variables]:
    """Return the sets of variables of an operation, the same for the same seed; `before` of Q5 is a position."""
    source = random.Random(f"{seed}/{operation.name}")
    completions = sorted(VALUES_OF[Indicator.COMPLETION])

    def choose() -> Variables:
        match operation:
            case Operation.Q1:
                return {"code": source.choice(known.commitments)}
            case Operation.Q2:
                return {
                    "codes": sorted(source.sample(known.members, min(MEMBERS_OF_LIST, len(known.members)))),
                    "areas": sorted(source.sample(AREAS, AREAS_OF_LIST)),
                    "completion": sorted(source.sample(completions, VALUES_OF_LIST)),
                }
            case Operation.Q3:
                areas = sorted(source.sample(AREAS, source.randint(2, 5)))
                return {"region": source.choice(REGIONS), "areas": areas}
            case Operation.Q4:
                return {"codes": sorted(source.sample(known.members, min(MEMBERS_OF_TREE, len(known.members))))}
            case Operation.Q5:
                return {"before": source.randint(known.entries // 2, known.entries * 9 // 10)}

    return [choose() for _ in range(VARIABLE_SETS)]


def read_past(document: str) -> str:
    """Return an operation of ogpgraph at the position `$position`."""
    head, _, selection = document.partition("{")
    if "$" not in head:
        raise ValueError("the operation has no variables")
    variables = head.rstrip().removesuffix(")")
    return f"{variables}, $position: Position!) {{ at(position: $position) {{{selection} }}"
