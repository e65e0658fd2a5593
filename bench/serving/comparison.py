"""Verifies that all servers return the same data for all sets of variables, field by field.

What differs between schemas, and nothing else, is brought into one form:

- `{"nodes": [...]}` becomes the list, as other schemas have plain lists;
- the facets of ogpgraph and Mercurius are lists of values, those of PostGraphile rows of a function: both become rows
  of dimension, value, the other dimension's value and count, sorted, because the order of equal counts is nobody's
  promise;
- an object without fields, which is a subject that is not a commitment, becomes null.

All other lists must have the same order, all values the same type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.serving.client import Client, decode_data
from bench.serving.load import Request
from bench.serving.operations import Operation, Variables
from bench.serving.processes import Process
from bench.serving.servers import Server

FacetRow = tuple[str, str, str, int]


class Difference(Exception):
    """Two servers do not return the same data."""


def normalize(operation: Operation, data: Any) -> Any:
    """Return the data of a response in the form that all servers share."""
    if operation is Operation.Q3:
        return sorted(_facet_rows(data))
    return _plain(next(iter(data.values())))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"nodes"}:
        return _plain(value["nodes"])
    return {name: _plain(each) for name, each in value.items()} or None


def _facet_rows(data: Any) -> Iterator[FacetRow]:
    facets = data.get("facets") or data["commitments"]
    if "nodes" in facets:
        for row in facets["nodes"]:
            yield row["dimension"], row["value"], row["across"] or "", row["count"]
        return
    for value in _values(facets["completion"]):
        for each in value["across"]:
            yield "COMPLETION", value["value"], each["value"], each["count"]
    for value in _values(facets["areas"]):
        yield "POLICY_AREA", value["value"], "", value["count"]


def _values(facet: Any) -> Any:
    """Return the values of a facet; ogpgraph returns a list of facets, one for each dimension."""
    return facet[0]["values"] if facet and "values" in facet[0] else facet


def find_difference(ours: Any, theirs: Any, path: str = "data") -> str | None:
    """Return the path of the first difference and both values, None where there is none."""
    if type(ours) is not type(theirs):
        return f"{path}: {_shorten(ours)} and {_shorten(theirs)}"
    if isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return f"{path}: fields {sorted(ours)} and {sorted(theirs)}"
        return _first(find_difference(ours[name], theirs[name], f"{path}.{name}") for name in ours)
    if isinstance(ours, list):
        if len(ours) != len(theirs):
            return f"{path}: {len(ours)} and {len(theirs)} items"
        pairs = zip(ours, theirs, strict=True)
        return _first(find_difference(a, b, f"{path}[{index}]") for index, (a, b) in enumerate(pairs))
    return None if ours == theirs else f"{path}: {_shorten(ours)} and {_shorten(theirs)}"


def _first(found: Iterator[str | None]) -> str | None:
    return next((each for each in found if each), None)


def _shorten(value: Any) -> str:
    return json.dumps(value)[:120]


def verify_all(
    running: Sequence[tuple[Server, Process]], variables: Mapping[Operation, Sequence[Variables]]
) -> Iterator[str]:
    """Compare the answers of all servers with those of the first; yields a line for each operation.

    Raises Difference, and GraphQLError where a server answers with errors.
    """
    first, others = running[0], running[1:]
    for operation, sets in variables.items():
        expected = list(_answers(*first, operation, sets))
        for server, process in others:
            pairs = zip(expected, _answers(server, process, operation, sets), strict=True)
            for number, (ours, theirs) in enumerate(pairs):
                if found := find_difference(ours, theirs):
                    names = f"{first[0].name} and {server.name}"
                    raise Difference(f"{operation.name}, set {number} of variables: {names} differ at {found}")
        size = sum(len(json.dumps(each)) for each in expected) // len(expected)
        yield f"{operation.name}: {len(expected)} answers of about {size:,} bytes, the same from all servers"


def _answers(server: Server, process: Process, operation: Operation, sets: Sequence[Variables]) -> Iterator[Any]:
    with Client(process.port, server.path) as client:
        for body in server.bodies(operation, sets):
            yield normalize(operation, decode_data(client.send(Request("POST", server.path, body.encode()))))
