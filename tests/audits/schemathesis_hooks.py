"""What schemathesis has to know of this server: how its scalars are written, and what counts as an error of its own.

schemathesis imports this module in its own environment, where nothing of this project is.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import strategies as st
from hypothesis_graphql import nodes

_DATES = ("2018", "2018-S2", "2018-Q3", "2019-03", "2019-02-28", "2019-02-30", "2019/..", "0000", "x", "")
_TIMES = ("2018-12-31T00:00:00Z", "2018-12-31t23:59:60z", "0000-01-01T00:00:00+23:59", "2999-01-01T00:00:00Z", "x")


def has_no_server_error(_context: Any, response: Any, _case: Any) -> None:
    """Fail on a 5xx, and on an error that no client can cause: the code INTERNAL, or no JSON."""
    assert response.status_code < 500, f"{response.status_code}: {response.content[:1000]!r}"
    errors = json.loads(response.content).get("errors", ())
    assert all(error["extensions"]["code"] != "INTERNAL" for error in errors), errors


schemathesis.check(has_no_server_error)
schemathesis.graphql.scalar("Position", st.integers(-1, 400).map(nodes.Int) | st.integers().map(nodes.Int))
schemathesis.graphql.scalar("PartialDate", st.sampled_from(_DATES).map(nodes.String) | st.text().map(nodes.String))
schemathesis.graphql.scalar("DateTime", st.sampled_from(_TIMES).map(nodes.String) | st.text().map(nodes.String))
schemathesis.graphql.scalar("FieldValue", st.text().map(nodes.String) | st.integers().map(nodes.Int))
