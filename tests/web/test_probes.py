"""The probes: whether the process lives, and whether it may be sent requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from ogpgraph.web.app import AppOptions
from ogpgraph.web.probes import Readiness
from tests.web.sample_app import REQUEST_ID, build_sample_app, make_client, post

pytestmark = pytest.mark.anyio


def build_probed_app(check: Callable[[], Readiness]) -> Starlette:
    return build_sample_app(options=AppOptions(ready_deadline_seconds=0.2), check_readiness=check)


async def test_health_reports_that_the_process_is_alive(client: httpx.AsyncClient) -> None:
    response = await client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert response.headers["cache-control"] == "no-store"


async def test_ready_reports_the_details_of_the_check() -> None:
    async with make_client(build_probed_app(lambda: Readiness(ready=True, details={"position": 7}))) as client:
        response = await client.get("/ready")
    assert (response.status_code, response.json()) == (200, {"ready": True, "details": {"position": 7}})


async def test_not_ready_gives_503_with_the_details() -> None:
    async with make_client(build_probed_app(lambda: Readiness(ready=False, details={"behind": 9}))) as client:
        response = await client.get("/ready")
    assert (response.status_code, response.json()) == (503, {"ready": False, "details": {"behind": 9}})


async def test_readiness_is_checked_in_another_thread() -> None:
    threads: list[int] = []

    def check() -> Readiness:
        threads.append(threading.get_ident())
        return Readiness(ready=True)

    async with make_client(build_probed_app(check)) as client:
        await client.get("/ready")
    assert threads != [threading.get_ident()]


async def test_a_check_that_raises_is_not_ready_and_its_reason_is_only_logged() -> None:
    def check() -> Readiness:
        raise OSError("secret path")

    async with make_client(build_probed_app(check)) as client:
        with capture_logs() as logs:
            response = await client.get("/ready")
    assert response.status_code == 503
    assert "secret" not in response.text
    assert [line["request_id"] for line in logs] == [REQUEST_ID]


async def test_checks_that_hang_are_not_ready_and_do_not_block_requests() -> None:
    release = threading.Event()

    def check() -> Readiness:
        release.wait(60)
        return Readiness(ready=True)

    async with make_client(build_probed_app(check)) as client:
        began = time.monotonic()
        responses = [await client.get("/ready") for _ in range(3)]  # one more than there are threads for checks
        assert (await client.get("/health")).status_code == 200
        assert (await post(client, {"query": "{ hello }"})).status_code == 200
        took = time.monotonic() - began
        release.set()
    assert [response.status_code for response in responses] == [503] * 3
    assert took < 30


async def test_probes_that_arrive_during_a_check_share_it() -> None:
    begun, release, checks = threading.Event(), threading.Event(), []

    def check() -> Readiness:
        checks.append(1)
        begun.set()
        release.wait(60)
        return Readiness(ready=True)

    options = AppOptions(ready_deadline_seconds=60)
    async with make_client(build_sample_app(options=options, check_readiness=check)) as client:
        probes = [asyncio.create_task(client.get("/ready")) for _ in range(20)]
        await asyncio.to_thread(begun.wait, 60)
        probes[0].cancel()
        await asyncio.sleep(0.05)
        release.set()
        responses = await asyncio.gather(*probes[1:])
    assert [response.status_code for response in responses] == [200] * 19
    assert len(checks) == 1
