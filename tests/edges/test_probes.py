"""/healthz, /readyz and /metrics, asked over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.test_utils import unused_port
from azure.core.rest import HttpRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.azure.transport import Transport
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.metrics import CONDITIONS
from gitlab_azure_identity.probes import serve
from gitlab_azure_identity.progress import longest_silence
from gitlab_azure_identity.reconcile.places import Places

KEY = Key("gitlab", "gitlab")
TIMEOUT = 30.0
# What Prometheus 2.42 and 3.5 send.
OPENMETRICS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5"
)


class Probes:
    """The probes of an operator that leads, under a clock that the test sets."""

    def __init__(self) -> None:
        self.now, self.url = 0.0, f"http://127.0.0.1:{unused_port()}"
        self.places = Places(5, TIMEOUT, Clock(steady=lambda: self.now))

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Probes"]:
        port = int(self.url.rpartition(":")[2])
        async with serve(port, asyncio.Event(), asyncio.Event(), self.places.stuck):
            yield self

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, content type and text."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.text()


@pytest.fixture
async def probes() -> AsyncIterator[Probes]:
    async with Probes().served() as probes:
        yield probes


async def test_a_pass_that_hangs_is_told_and_the_process_is_not_alive(
    probes: Probes, caplog: pytest.LogCaptureFixture
) -> None:
    never = asyncio.Event()

    async def hang() -> None:
        async with probes.places.place(KEY):
            await never.wait()

    hanging = asyncio.ensure_future(hang())
    assert (await probes.get("/healthz"))[::2] == (200, "ok\n")

    probes.now = longest_silence(TIMEOUT) + 1

    assert (await probes.get("/healthz"))[::2] == (503, "the pass over gitlab/gitlab has hung for 211 seconds\n")
    assert "the pass over gitlab/gitlab has hung" in caplog.text
    never.set()
    await hanging
    assert (await probes.get("/healthz"))[0] == 200


async def test_a_request_to_azure_is_a_sign_of_the_pass_that_sends_it(probes: Probes) -> None:
    async with aiohttp.ClientSession() as session, probes.places.place(KEY):
        probes.now = longest_silence(TIMEOUT) + 1
        assert KEY in probes.places.stuck()

        await Transport(session, TIMEOUT).send(HttpRequest("GET", f"{probes.url}/readyz"))

        assert probes.places.stuck() == {}


async def test_metrics_are_in_the_format_that_is_asked_for(probes: Probes) -> None:
    CONDITIONS.set("gitlab", "gitlab", [("Ready", "True", "Ready")])

    status, kind, text = await probes.get("/metrics", Accept=OPENMETRICS)
    assert (status, kind.partition(";")[0]) == (200, "application/openmetrics-text")
    assert text.endswith("# EOF\n")
    names = {family.name for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]

    status, kind, text = await probes.get("/metrics", Accept="*/*")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    assert {family.name for family in parse_text(text)} >= {"gitlab_azure_identity_status_condition"} <= names
    CONDITIONS.clear()


async def test_the_series_of_a_resource_go_with_it(probes: Probes) -> None:
    CONDITIONS.set("gitlab", "gitlab", [("Ready", "False", "NotPermitted"), ("Stalled", "True", "NotPermitted")])
    CONDITIONS.set("gitlab", "gitlab", [("Ready", "True", "Ready")])
    _, _, text = await probes.get("/metrics")
    (series,) = [line for line in text.splitlines() if "status_condition{" in line]
    assert series == (
        "gitlab_azure_identity_status_condition"
        '{condition="Ready",name="gitlab",namespace="gitlab",reason="Ready",status="True"} 1.0'
    )

    CONDITIONS.remove("gitlab", "gitlab")

    assert "status_condition{" not in (await probes.get("/metrics"))[2]
