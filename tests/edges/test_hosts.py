"""Whether the host of a storage account is known: by the resolver, or by what a proxy answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gitlab_azure_identity.azure import transport
from gitlab_azure_identity.azure.hosts import AccountHosts
from gitlab_azure_identity.domain.clouds import CLOUDS

TIMEOUT = 2.0
"""Seconds of one request."""


class Failing(AbstractResolver):
    """A resolver that fails in one way."""

    def __init__(self, errno: int) -> None:
        self._errno = errno

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror(self._errno, "no answer")

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("errno", "known"),
    [(socket.EAI_NONAME, False), (socket.EAI_NODATA, False), (socket.EAI_AGAIN, True), (socket.EAI_FAIL, True)],
)
async def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch, errno: int, known: bool) -> None:
    """A resolver that does not answer says nothing of the name."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    transport._proxies.cache_clear()

    def connect() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Failing(errno)), auto_decompress=False)

    assert await AccountHosts(CLOUDS["AzurePublic"], TIMEOUT, connect).known("gitlabstore") is known


@pytest.fixture
async def answers() -> AsyncIterator[tuple[int, list[int]]]:
    """A proxy that opens no tunnel: its port, and the status that it answers."""
    status = [502]

    async def refuse(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status[0])

    runner = web.ServerRunner(web.Server(refuse))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1], status
    await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "known"), [(502, False), (503, False), (504, False), (403, True), (407, True), (500, True)]
)
async def test_what_a_proxy_says(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[int, list[int]], status: int, known: bool
) -> None:
    port, told = answers
    told[0] = status
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    transport._proxies.cache_clear()
    async with asyncio.timeout(10):
        assert await AccountHosts(CLOUDS["AzurePublic"], TIMEOUT).known("gitlabstore") is known
    transport._proxies.cache_clear()


async def test_a_proxy_that_keeps_silent_says_nothing_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()

    async def keep_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(keep_silent, "127.0.0.1")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    transport._proxies.cache_clear()
    async with asyncio.timeout(10):
        assert await AccountHosts(CLOUDS["AzurePublic"], 0.1).known("gitlabstore")
    transport._proxies.cache_clear()
    gone.set()
    server.close()
    await server.wait_closed()
