from collections.abc import AsyncIterator

import httpx
import pytest

from tests.web.toy import client_of, toy_app


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(toy_app()) as client:
        yield client
