"""Parameters of URLs: what an endpoint does not declare is rejected by its name."""

from __future__ import annotations

import pytest

from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.parameters import Parameter, Parameters

PARAMETERS = Parameters(Parameter("member"), Parameter("cause", str.upper), Parameter("note", may_be_empty=True))


def test_values_are_decoded_and_parsed() -> None:
    assert PARAMETERS.parse(b"member=A%26B&cause=red&note=") == {"member": "A&B", "cause": "RED", "note": ""}
    assert PARAMETERS.parse(b"") == PARAMETERS.parse(b"&&") == {}


@pytest.mark.parametrize(
    ("query_string", "message"),
    [
        (b"members=FRA", "`members` is not a parameter of this address: did you mean `member`?"),
        (b"x=1", "`x` is not a parameter of this address: it has `member`, `cause`, `note`."),
        (b"=1", "`` is not a parameter of this address: it has `member`, `cause`, `note`."),
        (b"Member=FRA", "`Member` is not a parameter of this address: did you mean `member`?"),
        (b"member=FRA&member=FRA", "`member` is given twice."),
        (b"member=", "`member` is empty: give it a value, or leave it out."),
        (b"member", "`member` is empty: give it a value, or leave it out."),
        (b"member=%ff", "The query string is not percent-encoded UTF-8."),
        (b"member=\xff", "The query string is not percent-encoded UTF-8."),
        (b"a=1&" * 40, "The query string has too many fields."),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_rejected_by_its_name(query_string: bytes, message: str) -> None:
    with pytest.raises(RequestRejected) as rejected:
        PARAMETERS.parse(query_string)
    assert (rejected.value.status, rejected.value.message) == (400, message)
