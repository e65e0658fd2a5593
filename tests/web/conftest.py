from collections.abc import AsyncIterator

import httpx
import pytest

from tests.web.sample_app import build_sample_app, make_client


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with make_client(build_sample_app()) as client:
        yield client
