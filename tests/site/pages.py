"""The pages of the demonstration that tests of all pages look at."""

from __future__ import annotations

import re
from typing import Final

from starlette.testclient import TestClient

PATHS: Final = (
    "/",
    "/members",
    "/members/FRA",
    "/plans/FRA-2018",
    "/commitments",
    "/commitments?completion=COMPLETE&order=-cycle",
    "/commitments/FR0043",
    "/commitments/FR0009",
    "/changes",
    "/changes?cause=CORRECTION&member=FRA",
    "/compare",
    "/compare?from=200&to=300",
    "/compare?from=2016&to=2020&axis=effective",
    "/search",
    "/search?q=open+data",
    "/search?q=transparancy",
    "/about",
    "/commitments/FR0043?at=250",
    "/commitments/FR0043?asOf=2020-06",
    "/?at=2018-12-31",
)


def source_path(client: TestClient, code: str = "FR0043") -> str:
    """Return the address of the first source that the page of a commitment names."""
    found = re.search(r"/sources/source-[0-9a-f]{32}", client.get(f"/commitments/{code}").text)
    assert found
    return found[0]
