"""The transport to Azure: every request times out, requests for tokens too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError
from azure.core.rest import HttpRequest

from gitlab_azure_identity.azure import clients as azure_clients
from gitlab_azure_identity.azure import transport
from gitlab_azure_identity.azure.access import BlobAccess
from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.identities import Identities
from gitlab_azure_identity.azure.throttle import Throttle
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.clouds import CLOUDS
from tests.unit.worlds import identity

TIMEOUT = 0.1
"""Seconds of one request."""
LONG = 20 * TIMEOUT
"""Seconds after which a request is considered to hang."""
AZURE = CLOUDS["AzurePublic"]


@pytest.fixture
async def connections(monkeypatch: pytest.MonkeyPatch, in_a_pod: None) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Sends all requests to Azure to a proxy that accepts connections and never answers. Returns these connections."""
    accepted: list[asyncio.StreamWriter] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    transport._proxies.cache_clear()
    yield accepted
    transport._proxies.cache_clear()
    for writer in accepted:
        writer.close()
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Clients, BlobAccess]]:
    async with azure_clients.connect(AZURE, Throttle(published=False), TIMEOUT) as (clients, session):
        yield clients, BlobAccess(AZURE, session, TIMEOUT, Clock())


async def test_the_operators_login_times_out(connections: list[asyncio.StreamWriter]) -> None:
    async with connected() as (clients, _), asyncio.timeout(LONG):
        with pytest.raises(AzureError) as error:
            await Identities(clients, Clock()).get(identity().id)

    assert (error.value.status, error.value.detail) == (0, "no answer in time")
    assert len(connections) == 1


async def test_the_exchange_of_a_service_accounts_token_times_out(connections: list[asyncio.StreamWriter]) -> None:
    async with connected() as (_, blobs), asyncio.timeout(LONG):
        with pytest.raises(AzureError) as error:
            await blobs.exchange(identity(), "a token of the service account")

    assert (error.value.status, error.value.detail) == (0, "no answer in time")
    assert len(connections) == 1


async def test_requests_that_wait_for_one_login_time_out_together(
    connections: list[asyncio.StreamWriter],
) -> None:
    """azure-core logs in under a lock. Without care, twenty requests would time out one after the other: ten minutes."""
    async with connected() as (clients, _), asyncio.timeout(LONG):
        answers = await asyncio.gather(
            *(Identities(clients, Clock()).get(identity().id) for _ in range(20)), return_exceptions=True
        )

    assert {type(answer) for answer in answers} == {AzureError}
    assert len(connections) == 1


class Slow:
    """A server that answers when a test sets `may_answer`."""

    def __init__(self) -> None:
        self.asked, self.may_answer, self.answered = asyncio.Event(), asyncio.Event(), False

    async def answer(self, _: web.BaseRequest) -> web.Response:
        self.asked.set()
        await self.may_answer.wait()
        self.answered = True
        return web.Response(text="done")


@pytest.fixture
async def slow() -> AsyncIterator[tuple[Slow, str]]:
    """A slow server and its URL."""
    server = Slow()
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    server.may_answer.set()
    await runner.cleanup()


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_cancelled_write_is_finished_once_it_was_sent(method: str, slow: tuple[Slow, str]) -> None:
    server, url = slow
    async with transport.new_session() as session:
        sending = asyncio.ensure_future(transport.Transport(session, LONG).send(HttpRequest(method, url)))
        await server.asked.wait()
        sending.cancel()
        await asyncio.sleep(0)
        assert not sending.done()
        server.may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await sending

    assert server.answered


async def test_a_cancelled_read_ends_at_once(slow: tuple[Slow, str]) -> None:
    server, url = slow
    async with transport.new_session() as session:
        sending = asyncio.ensure_future(transport.Transport(session, LONG).send(HttpRequest("GET", url)))
        await server.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    assert not server.answered


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_a_request_without_an_answer_times_out(method: str, slow: tuple[Slow, str]) -> None:
    _, url = slow
    async with transport.new_session() as session, asyncio.timeout(LONG):
        with pytest.raises(AzureError) as error:
            async with transport.azure_errors():
                await transport.Transport(session, TIMEOUT).send(HttpRequest(method, url))

    assert error.value.status == 0


async def test_an_error_of_the_sdk_without_an_answer_keeps_its_text() -> None:
    """azure-identity raises one when it cannot ask for a token at all."""
    with pytest.raises(AzureError) as error:
        async with transport.azure_errors():
            raise ClientAuthenticationError("The token file is empty.")

    assert (error.value.code, error.value.status, error.value.detail) == ("", 0, "The token file is empty.")
