"""The start: a login that fails is reported in a sentence, and nothing starts before the API server answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import kopf
import pytest

from gitlab_azure_identity import __main__ as command_line
from gitlab_azure_identity import logs, watch
from gitlab_azure_identity.kube.client import ClusterError, Json


@pytest.fixture(autouse=True)
def _settings_and_azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything that the operator needs but a cluster."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "GAI_SETTINGS_FILE"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / "token"
    token.write_text("a token")
    variables = {
        "GAI_CLUSTER": "lab",
        "GAI_HTTP_PORT": "0",
        "AZURE_CLIENT_ID": "22222222-2222-3333-4444-555555555555",
        "AZURE_TENANT_ID": "33333333-2222-3333-4444-555555555555",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["gitlab-azure-identity", "run"])
    monkeypatch.setattr(logs, "configure_logging", lambda level: None)


def test_without_a_cluster_it_ends_with_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main()

    assert ended.value.code == 2
    (said,) = caplog.messages
    assert said.startswith("not started: cannot log in to the cluster: KUBECONFIG is not set")
    assert "\n" not in said


def test_without_a_login_to_azure_it_ends_with_a_sentence(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_CLIENT_ID")

    with pytest.raises(SystemExit) as ended:
        command_line.main()

    assert ended.value.code == 2
    assert caplog.messages[-1].startswith("not started: cannot log in to Azure: ")
    assert ".." not in caplog.messages[-1]


def test_a_port_that_is_taken_ends_it_with_a_sentence(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = {"name": "lab", "context": {"cluster": "lab", "user": "lab"}}
    config = {
        "current-context": "lab",
        "contexts": [context],
        "clusters": [{"name": "lab", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "lab", "user": {"token": "a token"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - as the operator does
        port = taken.getsockname()[1]
        monkeypatch.setenv("GAI_HTTP_PORT", str(port))
        with pytest.raises(SystemExit) as ended:
            command_line.main()

    assert ended.value.code == 2
    assert caplog.messages[-1].startswith(f"not started: httpPort {port} cannot be used: ")
    assert "address already in use" in caplog.messages[-1]


class Cluster:
    """An API server that refuses so many times before it lists."""

    def __init__(self, *refusals: ClusterError) -> None:
        self._refusals = list(refusals)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    async def request(self, method: str, path: str, *, query: Mapping[str, str]) -> Json:
        self.asked.append((method, path, dict(query)))
        if self._refusals:
            raise self._refusals.pop(0)
        return {"items": []}


NO_CRD = ClusterError(404, "NotFound", "the server could not find the requested resource")


async def test_it_waits_until_the_api_server_lists_its_resources(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "FIRST_WAIT", 0.0)
    cluster = Cluster(ClusterError(0, "ClientConnectorError", "refused"), NO_CRD)

    assert await watch.listed(cluster, asyncio.Event())  # type: ignore[arg-type]

    assert cluster.asked == [("GET", "/apis/gitlabazure.io/v1alpha1/gitlabazureidentities", {"limit": "1"})] * 3
    said = "the API server does not list gitlabazureidentities: "
    assert [record.getMessage() for record in caplog.records] == [
        f"{said}ClientConnectorError (0): refused",
        f"{said}NotFound (404): the server could not find the requested resource",
    ]


async def test_the_wait_for_the_api_server_can_be_ended() -> None:
    stop = asyncio.Event()
    waiting = asyncio.ensure_future(watch.listed(Cluster(*[NO_CRD] * 9), stop))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    stop.set()

    async with asyncio.timeout(1):
        assert not await waiting


async def test_a_signal_that_comes_while_kopf_starts_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    signs = watch.Signs(asyncio.Event(), asyncio.Event(), asyncio.Event())

    async def spawn_tasks(**_: object) -> tuple[()]:
        """As kopf does it: the last thing is its own signal handlers."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
        return ()

    async def run_tasks(_tasks: object, **_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(1):
            await signs.stop.wait()

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_tasks)
    monkeypatch.setattr(kopf, "run_tasks", run_tasks)

    await watch._watch_once(cast("Any", SimpleNamespace(access=None)), cast("Any", None), 5.0, signs)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


@pytest.mark.parametrize(
    "why",
    [
        pytest.param(OSError("gitlabazureidentities is forbidden"), id="may list and not watch"),
        pytest.param(kopf.LoginError("Ran out of valid credentials"), id="its token is no longer accepted"),
    ],
)
async def test_a_watch_that_ends_at_once_is_begun_again_after_a_growing_wait(
    monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    signs, waits = watch.Signs(asyncio.Event(), asyncio.Event(), asyncio.Event()), list[float]()

    async def refused(*_: object) -> None:
        raise why

    async def within(seconds: float, over: asyncio.Event) -> None:
        waits.append(seconds)
        if len(waits) == 6:
            over.set()

    monkeypatch.setattr(watch, "_watch_once", refused)
    monkeypatch.setattr(watch, "within", within)

    await watch.watch(cast("Any", Cluster()), cast("Any", None), 5.0, signs)

    assert waits == [1, 2, 4, 8, 10, 10]
