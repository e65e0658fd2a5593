"""The parameters of a URL: each endpoint declares which it has, and every other is rejected by its name.

A parameter that is ignored misleads: with a misspelt filter a client would get everything, and would not notice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.web.errors import RequestRejected, bad_request, rejection_response

_MAX_FIELDS: Final = 32


class Parameter(msgspec.Struct, frozen=True):
    """The declaration of one parameter of a URL.

    `parse` is given the decoded text, which is not empty unless `may_be_empty`; it raises RequestRejected.
    """

    name: str
    parse: Callable[[str], Any] = str
    may_be_empty: bool = False


class Parameters:
    """All parameters of an endpoint."""

    def __init__(self, *declared: Parameter) -> None:
        self.declared: Mapping[str, Parameter] = {each.name: each for each in declared}

    def parse(self, query_string: bytes) -> dict[str, Any]:
        """Return the values of the parameters that a URL has, by their names.

        Raises:
            RequestRejected: 400, if one of them is unknown, given twice, empty or malformed, or not in UTF-8.
        """
        texts: dict[str, str] = {}
        for name, text in _decode(query_string):
            if name not in self.declared:
                raise bad_request(self._explain_unknown(name))
            if name in texts:
                raise bad_request(f"`{name}` is given twice.")
            texts[name] = text
        return {name: self._parse_one(self.declared[name], text) for name, text in texts.items()}

    def _parse_one(self, parameter: Parameter, text: str) -> Any:
        if not text and not parameter.may_be_empty:
            raise bad_request(f"`{parameter.name}` is empty: give it a value, or leave it out.")
        return parameter.parse(text)

    def _explain_unknown(self, name: str) -> str:
        if not self.declared:
            return f"`{name}` is not a parameter of this address, which has none."
        nearest = get_close_matches(name, self.declared, n=1)
        advice = f"did you mean `{nearest[0]}`" if nearest else f"it has {', '.join(f'`{n}`' for n in self.declared)}"
        return f"`{name}` is not a parameter of this address: {advice}{'?' if nearest else '.'}"


NO_PARAMETERS: Final = Parameters()


def without_parameters(respond: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that rejects every parameter, and otherwise responds as the given one does."""

    async def respond_without_parameters(request: Request) -> Response:
        try:
            NO_PARAMETERS.parse(request.scope.get("query_string", b""))
        except RequestRejected as rejected:
            return rejection_response(rejected)
        return await respond(request)

    return respond_without_parameters


def _decode(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except UnicodeDecodeError:
        raise bad_request("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise bad_request("The query string has too many fields.") from None
