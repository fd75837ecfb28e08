"""The benchmark while the API server ends a watch, and while the operator ends."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from lab.bench import resources as bench_resources
from lab.bench.measurements import report_exit
from lab.bench.resources import BenchError, Resources
from lab.places import Places
from lab.processes import Parts

GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version: 3 (7)"}}


def event(kind: str, name: str, version: int, ready: str = "False") -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": "Propagating", "message": "The role is new."}
    metadata = {"name": name, "resourceVersion": str(version)}
    return {"type": kind, "object": {"metadata": metadata, "status": {"conditions": [condition]}}}


class ApiServer:
    """Answers each watch with the next script and then ends it. The last watch stays open."""

    def __init__(self) -> None:
        self.scripts: list[list[dict[str, Any]]] = []
        self.versions: list[str] = []
        self.closing = asyncio.Event()

    async def watch(self, request: web.Request) -> web.StreamResponse:
        self.versions.append(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        for each in self.scripts.pop(0):
            await response.write(json.dumps(each).encode() + b"\n")
        if not self.scripts:
            await self.closing.wait()
        return response


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest_asyncio.fixture
async def resources(api: ApiServer) -> AsyncIterator[Resources]:
    application = web.Application()
    application.add_routes([web.get("/gai", api.watch)])
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        yield Resources(session, str(server.make_url("/gai")))
        api.closing.set()


async def test_a_watch_that_the_api_server_ends_is_resumed_after_its_last_event(
    api: ApiServer, resources: Resources
) -> None:
    api.scripts = [
        [event("ADDED", "one", 1), event("ADDED", "two", 2)],
        [event("MODIFIED", "one", 3, ready="True")],
        [event("MODIFIED", "two", 4, ready="True"), event("DELETED", "one", 5)],
    ]
    following = asyncio.create_task(resources.follow())

    await resources.ready(["two"])

    following.cancel()
    assert api.versions == ["", "2", "3"]


async def test_a_watch_that_cannot_be_resumed_ends_with_the_cause(api: ApiServer, resources: Resources) -> None:
    api.scripts = [[event("ADDED", "one", 3)], [GONE]]

    with pytest.raises(BenchError, match=r"^The watch of the resources cannot be resumed: too old resource version"):
        await resources.follow()


async def test_a_watch_of_an_unreachable_api_server_ends_with_the_cause() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(BenchError, match=r"^The watch of the resources broke: Cannot connect to host 127.0.0.1:1 "):
            await Resources(session, "http://127.0.0.1:1/gai").follow()


async def test_a_resource_that_is_not_ready_in_time_is_reported(
    api: ApiServer, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_resources, "PATIENCE", 0.2)
    monkeypatch.setattr(bench_resources, "PATIENCE_FOR_EACH", 0)
    api.scripts = [[event("ADDED", "one", 1, ready="True"), event("ADDED", "two", 2)]]
    following = asyncio.create_task(resources.follow())

    with pytest.raises(BenchError) as raised:
        await resources.ready(["one", "two"])

    following.cancel()
    assert str(raised.value) == "After 0 s 1 of 2 resources are not Ready, such as two (Propagating: The role is new.)."


async def test_an_operator_that_exits_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    places = Places.at(tmp_path / "lab")
    places.make()
    parts = Parts(places)
    program = "import sys; print('out of memory', flush=True); sys.stdin.read()"
    process = parts.spawn("operator", [sys.executable, "-c", program], {})

    with pytest.raises(
        BenchError, match=r"^operator ended while it was being measured\. The end of .*operator\.log:\n  out of memory$"
    ):
        await asyncio.wait_for(report_exit(parts, process), 10)
