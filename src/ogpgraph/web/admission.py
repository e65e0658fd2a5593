"""What a serving process knows of who may write: whose tokens it trusts, how often one may, what was refused."""

from __future__ import annotations

import time
from contextlib import ExitStack

from starlette.requests import Request

from ogpgraph.auth.budget import Budget
from ogpgraph.auth.identify import Caller, Identifier
from ogpgraph.auth.oidc import Issuer, keys_at
from ogpgraph.auth.refusals import Refusals
from ogpgraph.graphql.writing import Writing
from ogpgraph.settings import Settings
from ogpgraph.system import System
from ogpgraph.web.authenticated import caller_of
from ogpgraph.web.identified import request_id_of


class Admission:
    """The door of one process."""

    def __init__(self, settings: Settings) -> None:
        self.refusals = Refusals()
        self._budget = Budget(settings.writes_per_minute, time.monotonic)
        self._issuer = _issuer(settings) if settings.oidc_issuer else None

    def identify(self, system: System, authorization: str, address: str, request_id: str) -> Caller:
        """Return who asks; raises NotIdentified and KeysUnavailable."""
        identifier = Identifier(system.accounts, system.clock, self.refusals, self._issuer)
        return identifier.identify(authorization, address=address, request_id=request_id)

    def writing(self, system: System, request: Request, readings: ExitStack) -> Writing:
        """Return the way to write of one request, which has its reading open in `readings`."""
        return Writing(system, caller_of(request), request_id_of(request.scope), self._budget, self.refusals, readings)


def _issuer(settings: Settings) -> Issuer:
    return Issuer(
        settings.oidc_issuer,
        audience=settings.oidc_audience,
        keys=keys_at(settings.oidc_jwks),
        algorithms=settings.oidc_algorithms,
        skew_seconds=settings.oidc_skew_seconds,
    )
