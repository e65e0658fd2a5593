"""What the page of comparisons asks for: two positions or times of the record, or two dates of what was so."""

from __future__ import annotations

from typing import Any, Final

from ogpgraph.site.moment import parse_at, parse_date
from ogpgraph.site.page_request import PageRequest
from ogpgraph.site.views import Execute, choose_slice
from ogpgraph.web.errors import bad_request

COMPARISON_PARAMETERS: Final = ("from", "to", "axis", "commitment", "member", "before", "after")


def choose_comparison(request: PageRequest) -> dict[str, Any]:
    """Return the variables of a comparison of two positions or dates; nothing is compared without the first.

    Raises:
        RequestRejected: 400, for values that cannot be compared.
    """
    is_of_dates = _compares_dates(request)
    sides = _read_dates(request) if is_of_dates else _read_moments(request)
    conditions: list[dict[str, Any]] = [{"code": {"eq": code}} for code in request.many("commitment")]
    conditions += [{"member": {"code": {"eq": code}}} for code in request.many("member")]
    return {
        "language": request.language,
        "isAsked": "from" in sides,
        **({f"{name}Date": each for name, each in sides.items()} if is_of_dates else sides),
        **({"where": {"and": conditions}} if conditions else {}),
        **choose_slice(request, 20),
    }


def find_compared_positions(request: PageRequest, execute: Execute) -> str | None:
    """Return the permanent address of a comparison of two times: that of the positions which the record had then.

    Raises:
        RequestRejected: 400, if one of them is neither a position nor a time, or a time that the record does not have.
    """
    sides = {} if _compares_dates(request) else _read_moments(request)
    times = {name: value for name, value in sides.items() if isinstance(value, str)}
    if not times:
        return None
    first = next(iter(times.values()))
    found = execute("moments", {name: times.get(name, first) for name in ("from", "to")})
    if missing := [name for name in times if found.get(name) is None]:
        raise bad_request(f"`{missing[0]}` is before the first entry of the record, or in the future.")
    return request.link_here(**{name: str(found[name]["meta"]["position"]) for name in times})


def _compares_dates(request: PageRequest) -> bool:
    return request.choices("axis", ("recorded", "effective"))[-1:] == ("effective",)


def _read_dates(request: PageRequest) -> dict[str, str]:
    sides = {name: parse_date(value, name) for name in ("from", "to") if (value := request.one(name))}
    if len(sides) == 1:
        raise bad_request("`from` and `to` are two dates, which are compared: give both.")
    return sides


def _read_moments(request: PageRequest) -> dict[str, int | str]:
    sides = {name: parse_at(value, name) for name in ("from", "to") if (value := request.one(name))}
    since, until = sides.get("from"), sides.get("to")
    if isinstance(since, int) and isinstance(until, int) and since > until:
        raise bad_request("`from` is after `to`: give the earlier one first.")
    return sides
