"""Serves an opened system: its schema, its probes, its console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema, schema_version
from ogpgraph.settings import Settings
from ogpgraph.system import System, random_id
from ogpgraph.web.app import WebLimits, build_app
from ogpgraph.web.body import BodyLimits
from ogpgraph.web.console import Example
from ogpgraph.web.probes import Readiness

STOP_SECONDS = 8


def application(system: System, settings: Settings, examples: Sequence[Example] = ()) -> Starlette:
    """Return the web application over an opened system."""
    schema = build_schema()
    version = schema_version(schema)

    @contextmanager
    def context(_request: Request) -> Iterator[Context]:
        with system.reading() as reading:
            yield Context(reading, version)

    def ready() -> Readiness:
        with system.reading() as reading:
            return Readiness(ready=True, details={"position": reading.head})

    return build_app(
        schema,
        context,
        ready=ready,
        new_request_id=random_id,
        examples=examples,
        limits=WebLimits(body=BodyLimits(max_bytes=settings.max_body_bytes)),
    )


def serve(system: System, settings: Settings, examples: Sequence[Example] = ()) -> None:
    """Serve until the process is told to stop."""
    uvicorn.run(
        application(system, settings, examples),
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
        date_header=True,
    )
