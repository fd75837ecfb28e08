"""The operator's own token. A token that Azure refuses is replaced, with one request for all who need it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.identities import Identities
from gitlab_azure_identity.azure.login import OperatorLogin
from gitlab_azure_identity.azure.throttle import Throttle
from gitlab_azure_identity.azure.transport import Transport
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.clouds import CLOUDS
from lab.azure.certificates import Certificates
from tests.unit.worlds import identity

TIMEOUT = 5.0
"""Seconds of one request."""


class Azure:
    """Entra and Resource Manager. Tokens are numbered, and revoked tokens are refused."""

    def __init__(self) -> None:
        self.port = 0
        self.assertions: list[str] = []
        self.used: list[str] = []
        self.revoked: set[str] = set()
        self.release: asyncio.Event | None = None
        self.arrived = asyncio.Condition()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if request.path.endswith("/token"):
            asked = parse_qs((await request.read()).decode())
            self.assertions += asked["client_assertion"]
            token = f"token-{len(self.assertions)}"
            return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.used.append(token)
        if self.release and token in self.revoked:
            async with self.arrived:
                self.arrived.notify_all()
            await self.release.wait()
        if token in self.revoked:
            error = {
                "code": "ExpiredAuthenticationToken",
                "message": "The access token expiry UTC time is earlier than now.",
            }
            return web.json_response({"error": error}, status=401)
        return web.json_response({"error": {"code": "ResourceNotFound", "message": "none"}}, status=404)

    async def until_used(self, times: int) -> None:
        async with asyncio.timeout(TIMEOUT), self.arrived:
            await self.arrived.wait_for(lambda: len(self.used) >= times)


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the kubelet writes for the operator's pod."""
    file = tmp_path / "token"
    file.write_text("first")
    monkeypatch.setenv("AZURE_CLIENT_ID", "22222222-2222-3333-4444-555555555555")
    monkeypatch.setenv("AZURE_TENANT_ID", "33333333-2222-3333-4444-555555555555")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return file


@pytest.fixture
async def azure(tmp_path: Path) -> AsyncIterator[tuple[Azure, Certificates]]:
    server, certificates = Azure(), Certificates(tmp_path)
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.server_context("127.0.0.1")).start()
    server.port = runner.addresses[0][1]
    yield server, certificates
    await runner.cleanup()


@pytest.fixture
async def identities(azure: tuple[Azure, Certificates], token_file: Path) -> AsyncIterator[Identities]:
    """The operator's client for managed identities."""
    server, certificates = azure
    here = f"https://127.0.0.1:{server.port}"
    connector = aiohttp.TCPConnector(ssl=certificates.client_context())
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        login = OperatorLogin(authority=here, transport=Transport(session, TIMEOUT), retry_total=0)
        cloud = replace(CLOUDS["AzurePublic"], arm_endpoint=here)
        yield Identities(Clients(cloud, login, session, Throttle(published=False), TIMEOUT), Clock())


@pytest.fixture
def server(azure: tuple[Azure, Certificates]) -> Azure:
    return azure[0]


def rotate(token_file: Path) -> None:
    """Replace the token file's content, as the kubelet does long before the old token expires."""
    token_file.write_text("second")


ID = identity().id


async def test_one_token_serves_many_requests(identities: Identities, server: Azure) -> None:
    await asyncio.gather(*(identities.get(ID) for _ in range(5)))

    assert server.assertions == ["first"]
    assert server.used == ["token-1"] * 5


async def test_a_refused_token_is_replaced_and_the_request_succeeds(
    identities: Identities, server: Azure, token_file: Path
) -> None:
    await identities.get(ID)
    server.revoked.add("token-1")
    rotate(token_file)

    assert await identities.get(ID) is None

    assert server.used == ["token-1", "token-1", "token-2"]
    assert server.assertions == ["first", "second"]  # the file is read again: its token may have expired


async def test_many_requests_refused_at_once_ask_for_one_token(identities: Identities, server: Azure) -> None:
    await identities.get(ID)
    server.revoked.add("token-1")
    server.release = asyncio.Event()
    asking = [asyncio.ensure_future(identities.get(ID)) for _ in range(20)]
    await server.until_used(21)
    server.release.set()

    await asyncio.gather(*asking)

    assert server.used[21:] == ["token-2"] * 20
    assert len(server.assertions) == 2


async def test_a_request_refused_late_uses_the_token_that_another_request_got(
    identities: Identities, server: Azure
) -> None:
    await identities.get(ID)
    server.revoked.add("token-1")
    server.release = asyncio.Event()
    late = asyncio.ensure_future(identities.get(ID))
    await server.until_used(2)
    release, server.release = server.release, None
    await identities.get(ID)
    release.set()

    await late

    assert server.used == ["token-1", "token-1", "token-1", "token-2", "token-2"]
    assert len(server.assertions) == 2


async def test_a_second_refused_token_is_an_error(identities: Identities, server: Azure) -> None:
    server.revoked |= {"token-1", "token-2"}

    with pytest.raises(AzureError) as error:
        await identities.get(ID)

    assert (error.value.status, error.value.code) == (401, "ExpiredAuthenticationToken")
    assert server.used == ["token-1", "token-2"]
