"""Traces that are off cost nothing; those that are on tell the next one in the chain."""

import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core.rest import HttpRequest

from gitlab_azure_identity import tracing
from gitlab_azure_identity.azure.transport import Transport
from gitlab_azure_identity.logs import JsonLines


def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded() -> None:
    program = """
import asyncio, sys
import gitlab_azure_identity.start
from gitlab_azure_identity import tracing

async def work():
    async with tracing.traced(None):
        with tracing.of_pass("reconcile", "gitlab", "gitlab"), tracing.of_request("x", "GET", "https://x"):
            assert tracing.headers() == {} and tracing.trace_id() is None

asyncio.run(work())
print([name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf"))])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """A collector, and somebody who answers with the traceparent that he was sent."""

    async def collect(_: web.Request) -> web.Response:
        return web.Response()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("traceparent", ""))

    app = web.Application()
    app.add_routes([web.post("/v1/traces", collect), web.get("/", answer)])
    server = TestServer(app)
    async with server:
        yield server


async def test_a_request_names_its_trace_to_whoever_answers(server: TestServer) -> None:
    url = str(server.make_url("/"))
    async with aiohttp.ClientSession() as session, tracing.traced(url):
        with tracing.of_pass("reconcile", "gitlab", "gitlab"):
            answer = await Transport(session, 5).send(HttpRequest("GET", url))
            trace = tracing.trace_id()
    assert trace
    # W3C Trace Context, version 00: the id of the trace, that of the request's span, and that they are recorded (bit 0)
    assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-0[13]", answer.text())


async def test_a_request_of_no_pass_begins_no_trace(server: TestServer) -> None:
    """Else the renewals of the Lease and the checks, many in a second, would be traces of their own."""
    url = str(server.make_url("/"))
    async with aiohttp.ClientSession() as session, tracing.traced(url):
        answer = await Transport(session, 5).send(HttpRequest("GET", url))

    assert answer.text() == ""


async def test_a_line_of_the_log_has_the_id_of_its_trace(server: TestServer) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "hello", None, None)
    async with tracing.traced(str(server.make_url("/"))):
        with tracing.of_pass("reconcile", "gitlab", "gitlab"):
            assert f'"traceId": "{tracing.trace_id()}"' in JsonLines().format(record)
        assert "traceId" not in JsonLines().format(record)


@pytest.mark.parametrize(("variable", "path"), [(tracing.ENDPOINTS[0], "/v1/traces"), (tracing.ENDPOINTS[1], "/")])
async def test_an_endpoint_may_be_given_by_the_variables_of_opentelemetry(
    variable: str, path: str, server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(server.make_url(path)))
    async with tracing.traced(None):
        with tracing.of_pass("reconcile", "gitlab", "gitlab"):
            assert tracing.trace_id()
