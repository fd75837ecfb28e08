"""Any answer of Azure to any request: an error with Azure's own text, never a traceback, and never a deletion that was not
confirmed."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from azure.core.credentials import AccessTokenInfo
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.azure import operations
from gitlab_azure_identity.azure.access import BlobAccess
from gitlab_azure_identity.azure.access_errors import AccessAttempt, container_refused, signing_refused
from gitlab_azure_identity.azure.answers import refusal
from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.credentials import FederatedCredentials
from gitlab_azure_identity.azure.errors import AzureError, classify, sanitize
from gitlab_azure_identity.azure.identities import Identities
from gitlab_azure_identity.azure.login import OperatorLogin
from gitlab_azure_identity.azure.roles import RoleAssignments
from gitlab_azure_identity.azure.shapes import confirms_deletion
from gitlab_azure_identity.azure.storage import StorageAccounts
from gitlab_azure_identity.azure.throttle import Throttle
from gitlab_azure_identity.azure.transport import LoginTransport
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.changes import PutAssignment
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.plan import plan
from lab.azure.certificates import Certificates
from tests.unit.worlds import goal, identity, standing, wanted

pytestmark = pytest.mark.usefixtures("in_a_pod")

TIMEOUT = 5.0
"""Seconds of one request."""
WANT, HAVE = wanted(), standing()
IDENTITY, ACCOUNT, CREDENTIAL = identity(), WANT.storage.scope, WANT.credentials[0]
ASSIGN = next(change for change in plan(goal(), replace(HAVE, assignments=())) if isinstance(change, PutAssignment))


class Answers:
    """Entra and Resource Manager. Entra gives a token, and the next request to `service` is answered as the test says."""

    def __init__(self) -> None:
        self.port = 0
        self.status, self.headers, self.body, self.login = 200, dict[str, str](), b"", False
        self.paths: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        entra = request.path.endswith("/token")
        if entra is not self.login:
            return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        self.paths.append(request.path)
        return web.Response(status=self.status, headers=self.headers, body=self.body)


class Azure:
    """Every request that the operator sends, by name."""

    def __init__(self, clients: Clients, blobs: BlobAccess) -> None:
        self.clients = clients
        identities, credentials = Identities(clients, Clock()), FederatedCredentials(clients)
        roles, accounts = RoleAssignments(clients), StorageAccounts(clients, Clock())
        self.requests: dict[str, Callable[[], Awaitable[object]]] = {
            "get identity": lambda: identities.get(IDENTITY.id),
            "list identities": lambda: identities.list_in(IDENTITY.id.group),
            "put identity": lambda: identities.put(WANT.identity, WANT.owner.tags, "westeurope"),
            "delete identity": lambda: identities.delete(IDENTITY.id, WANT.owner),
            "list credentials": lambda: credentials.list_for(IDENTITY.id),
            "get credential": lambda: credentials.get(IDENTITY.id, CREDENTIAL.name),
            "put credential": lambda: credentials.put(IDENTITY.id, CREDENTIAL, "westeurope"),
            "delete credential": lambda: credentials.delete(IDENTITY.id, CREDENTIAL.name),
            "list roles": lambda: roles.list_for(ACCOUNT, IDENTITY.principal_id),
            "get role": lambda: roles.get(ACCOUNT, ASSIGN.name),
            "put role": lambda: roles.put(ASSIGN),
            "delete role": lambda: roles.delete(HAVE.assignments[0]),
            "get account": lambda: accounts.get(ACCOUNT, age=0),
            "exchange": lambda: blobs.exchange(IDENTITY, "a token"),
        }
        self.blobs = blobs


NAMES = [
    "get identity",
    "list identities",
    "put identity",
    "delete identity",
    "list credentials",
    "get credential",
    "put credential",
    "delete credential",
    "list roles",
    "get role",
    "put role",
    "delete role",
    "get account",
]
NOT_FOUND_IS_AN_ANSWER = {"get identity", "get credential", "get role", "get account"}


@asynccontextmanager
async def connected(certificates: Certificates) -> AsyncIterator[tuple[Answers, Azure]]:
    """Azure, and a way to it for which nothing is remembered."""
    server = Answers()
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.server_context("127.0.0.1")).start()
    server.port = runner.addresses[0][1]
    here = f"https://127.0.0.1:{server.port}"
    connector = aiohttp.TCPConnector(ssl=certificates.client_context())
    cloud = replace(CLOUDS["AzurePublic"], arm_endpoint=here, authority_host=here)
    try:
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            login = OperatorLogin(authority=here, transport=LoginTransport(session, TIMEOUT), retry_total=0)
            clients = Clients(cloud, login, session, Throttle(published=False), TIMEOUT)
            yield server, Azure(clients, BlobAccess(cloud, session, TIMEOUT, Clock()))
    finally:
        await runner.cleanup()


CODES = (
    st.sampled_from(["AuthorizationFailed", "NotFound", "ResourceNotFound", "InvalidResourceType", "Odd", ""])
    | st.text()
)
TEXTS = st.text(min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "message", "details", "additionalInfo", "info"]), inner)
    ),
)
USUAL = st.builds(lambda code, text: {"error": {"code": code, "message": text}}, CODES, TEXTS)
OAUTH = st.builds(lambda code, text: {"error": code, "error_description": text}, CODES, TEXTS)
BODIES = (USUAL | OAUTH | JSON).map(lambda value: json.dumps(value).encode()) | st.binary() | TEXTS.map(str.encode)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            ["application/json", "text/html", "application/xml", "image/png", "odd", "text/json"]
        ),
        "Content-Encoding": st.sampled_from(["gzip", "identity"]),
        "Retry-After": st.sampled_from(["0", "7", "-1", "soon", "nan", "1e999", "Thu, 01 Jan 1970 00:00:00 -0000"]),
        "WWW-Authenticate": st.sampled_from(["Bearer", 'Bearer error="insufficient_claims", claims="e30="']),
        "Location": st.just("/elsewhere"),
    },
)
STATUSES = st.integers(400, 599) | st.sampled_from([400, 401, 403, 404, 409, 429])


async def asked(server: Answers, request: Callable[[], Awaitable[object]]) -> object:
    """The answer to a request, or the error that it raised. Any other exception fails the test."""
    try:
        return await request()
    except AzureError as error:
        return error


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(status=STATUSES, headers=HEADERS, body=BODIES)
def test_any_answer_to_any_request(authority: Certificates, status: int, headers: dict[str, str], body: bytes) -> None:
    async def scene(name: str) -> object:
        async with connected(authority) as (server, azure):  # each by itself: after a 429 the others would wait
            server.status, server.headers, server.body = status, headers, body
            return await asked(server, azure.requests[name])

    answers = {name: asyncio.run(scene(name)) for name in NAMES}
    packed = headers.get("Content-Encoding") == "gzip"  # which it is not
    expected = refusal(status, headers, body)
    for name, answer in answers.items():
        if isinstance(answer, AzureError):
            assert packed or (answer.status, answer.code, answer.detail) == (status, expected.code, expected.detail)
            failure = classify(answer, operations.reading_account(ACCOUNT))
            assert sanitize(answer.detail) in failure.message
        elif name.startswith("delete"):
            assert expected.gone, name
        else:
            assert expected.not_found, name
            assert name in NOT_FOUND_IS_AN_ANSWER


def unpacked(headers: dict[str, str], body: bytes) -> bytes:
    """A body that was taken for an answer. Of what is packed and cut off there may be nothing."""
    return (
        zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body) if headers.get("Content-Encoding") == "gzip" else body
    )


# Bodies of a success that no fuzz finds: of the right kind, and of no use
RUBBISH = [b"", b"null", b"true", b"{}", b'"text"', b"[]", b'{"id": "/subscr', b"<html>Sign in</html>", b"[" * 20_000]
OBJECTS: list[dict[str, object]] = [
    {"id": "x", "name": "y", "location": "z", "properties": {}},
    {"id": None, "name": "y", "properties": [1]},
    {"name": "y", "properties": {"scope": None, "roleDefinitionId": 1, "principalId": "p", "createdOn": "soon"}},
    {"name": "y", "properties": {"scope": "s", "roleDefinitionId": "r", "principalId": "p", "createdOn": "soon"}},
    {"value": None},
    {"value": "text"},
    {"value": [1]},
    {"value": [{}]},
    {"value": [], "nextLink": 1},
    {"value": [], "nextLink": "not a url"},
    {"value": [], "nextLink": "/again"},
    {"error": {"code": "Odd", "message": "a success that is none"}},
]
RUBBISH += [json.dumps(each).encode() for each in OBJECTS]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from([200, 201, 204]) | st.integers(202, 399),
    headers=HEADERS,
    body=st.sampled_from(RUBBISH) | BODIES,
)
@example(status=200, headers={"Content-Encoding": "gzip"}, body=b"\x00")
def test_any_success_that_is_not_azures(
    authority: Certificates, status: int, headers: dict[str, str], body: bytes
) -> None:
    """A proxy's page with 200 describes nothing, is nobody's identity, and confirms no deletion."""

    async def scene(name: str) -> object:
        async with connected(authority) as (server, azure):
            server.status, server.headers, server.body = status, headers, body
            return await asked(server, azure.requests[name])

    for name in NAMES:
        answer = asyncio.run(scene(name))
        if not isinstance(answer, AzureError):
            assert name.startswith("delete"), name
            assert status in (200, 204)
            assert confirms_deletion(unpacked(headers, body) if status == 200 else b"")
        else:
            assert sanitize(answer.detail) in classify(answer, operations.reading_account(ACCOUNT)).message


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(status=STATUSES | st.just(200), headers=HEADERS, body=BODIES)
def test_any_answer_to_a_login(authority: Certificates, status: int, headers: dict[str, str], body: bytes) -> None:
    async def scene() -> list[object]:
        async with connected(authority) as (server, azure):
            server.status, server.headers, server.body, server.login = status, headers, body, True
            return [await asked(server, azure.requests[name]) for name in ("get identity", "exchange")]

    for answer in asyncio.run(scene()):
        assert isinstance(answer, AzureError)
        assert answer.login or not answer.status
        failure = classify(answer, operations.reading_account(ACCOUNT))
        assert sanitize(answer.detail) in failure.message


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from([200, 201, 202, 301, 302, 307, 308]) | STATUSES,
    headers=HEADERS,
    body=BODIES,
    fresh=st.booleans(),
)
def test_any_answer_to_an_attempt_at_access(
    authority: Certificates, status: int, headers: dict[str, str], body: bytes, *, fresh: bool
) -> None:
    """No such answer proves access. A proxy on the way may even redirect the request to a page of its own, or give that page."""

    async def scene() -> list[str]:
        async with connected(authority) as (server, azure):
            server.status, server.headers, server.body = status, headers, body
            host = f"127.0.0.1:{server.port}"
            answers = await azure.blobs.attempt(host, ["registry"], AccessTokenInfo("t", 0))
        assert answers.signing is not None
        assert None not in answers.containers["registry"].values()
        attempt = AccessAttempt(WANT, fresh=fresh)
        refused = container_refused(answers.containers["registry"], attempt, "registry")
        assert refused is not None
        texts = [sanitize(answers.signing.detail) in signing_refused(answers.signing, attempt).message]
        texts += [sanitize(each.detail) in refused.message for each in answers.containers["registry"].values() if each]
        return [] if all(texts) else [refused.message]

    assert asyncio.run(scene()) == []
