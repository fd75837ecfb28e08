"""The login to the cluster: KUBECONFIG where it is set, else the pod's service account; for us and for kopf alike."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import kopf
import pytest
import yaml
from aiohttp import web
from kubernetes.aio.config import incluster_config

from gitlab_azure_identity import handlers
from gitlab_azure_identity.kube import client
from lab.azure.certificates import Certificates

TIMEOUT = 5.0
"""Seconds of one request."""
NOWHERE = "http://127.0.0.1:9"


class ApiServer:
    """An API server that answers everything with an empty object, and keeps what it was asked with."""

    def __init__(self) -> None:
        self.port = 0
        self.paths: list[str] = []
        self.authorizations: list[str] = []
        self.bodies: list[tuple[str | None, bytes]] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.paths.append(request.path_qs)
        self.authorizations.append(request.headers.get("Authorization", ""))
        self.bodies.append((request.headers.get("Content-Type"), await request.read()))
        return web.json_response({})


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
async def server(certificates: Certificates) -> AsyncIterator[ApiServer]:
    api = ApiServer()
    runner = web.ServerRunner(web.Server(api.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.server_context("127.0.0.1")).start()
    api.port = runner.addresses[0][1]
    yield api
    await runner.cleanup()


@pytest.fixture(autouse=True)
def _a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever would honour the proxy variables, or this machine's own login, could not pass these tests."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    for name in ("NO_PROXY", "no_proxy", "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    """The time that the Kubernetes client reads, which passes only when told to."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time


class Pod:
    """The files and variables that a pod gets of its service account."""

    def __init__(self, folder: Path, certificates: Certificates, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.token, self.ca = folder / "pod-token", certificates.ca_file
        self.clock = Clock()
        self.token.write_text("first")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(self.token))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(self.ca))
        times = SimpleNamespace(datetime=self.clock, timedelta=dt.timedelta)
        monkeypatch.setattr(incluster_config, "datetime", times)


@pytest.fixture
def pod(tmp_path: Path, certificates: Certificates, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Pod:
    return Pod(tmp_path, certificates, server.port, monkeypatch)


def kubeconfig(path: Path, port: int, ca: Path, token: str, name: str = "here") -> Path:
    """A kubeconfig file for a server on this machine."""
    content = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [
            {"name": name, "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(ca)}}
        ],
        "users": [{"name": name, "user": {"token": token}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


async def kopfs(cluster: client.Cluster) -> kopf.ConnectionInfo:
    """How kopf logs in, by the handler that it calls."""
    registry = kopf.OperatorRegistry()
    handlers.register(registry, SimpleNamespace(), cluster.access, TIMEOUT, asyncio.Event())  # type: ignore[arg-type]
    (login,) = [handler.fn for handler in registry._activities.get_all_handlers() if handler.id.endswith("login")]
    found = await cast("Any", login)()
    assert isinstance(found, kopf.ConnectionInfo)
    return found


async def test_in_a_pod_it_logs_in_as_the_pods_service_account(pod: Pod, server: ApiServer) -> None:
    async with client.connect(TIMEOUT) as cluster:
        assert await cluster.request("GET", "/version", query={"limit": "1"}) == {}

    assert server.paths == ["/version?limit=1"]
    assert server.authorizations == ["bearer first"]


@pytest.mark.parametrize("content_type", [client.APPLY, client.MERGE, "application/json"])
async def test_a_body_is_sent_as_the_api_server_reads_it(pod: Pod, server: ApiServer, content_type: str) -> None:
    """In any dress: the escape of a fox, two halves of a character, is refused where a body is read as YAML."""
    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("PATCH", "/x", {"a": "🦊"}, content_type=content_type)
        await cluster.request("DELETE", "/x", {"a": "🦊"})
        await cluster.request("GET", "/x")

    sent = '{"a": "🦊"}'.encode()
    assert server.bodies == [(content_type, sent), ("application/json", sent), ("application/json", b"")]


async def test_a_token_that_was_rotated_is_read_again(pod: Pod, server: ApiServer) -> None:
    """The kubelet writes a new one long before the old one expires: a minute late is early enough."""
    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/version")
        pod.token.write_text("second")
        pod.clock.time += dt.timedelta(minutes=1)
        await cluster.request("GET", "/version")

    assert server.authorizations == ["bearer first", "bearer second"]


async def test_kopf_logs_in_as_the_pod_too_and_anew_each_time(pod: Pod, server: ApiServer) -> None:
    async with client.connect(TIMEOUT) as cluster:
        before = await kopfs(cluster)
        pod.token.write_text("second")
        after = await kopfs(cluster)

    assert (before.server, before.ca_path) == (f"https://127.0.0.1:{server.port}", str(pod.ca))
    assert (before.token, after.token) == ("first", "second")
    assert (before.insecure, before.trust_env, before.proxy_url) == (False, False, None)


async def test_a_kubeconfig_wins_over_the_pod_for_both(
    pod: Pod, server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is in a pod that manages another cluster than its own."""
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", server.port, pod.ca, "theirs")))

    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/version")
        login = await kopfs(cluster)

    assert server.authorizations == ["Bearer theirs"]
    assert (login.server, login.token) == (f"https://127.0.0.1:{server.port}", "theirs")


async def test_of_several_kubeconfigs_both_take_the_same_cluster(
    server: ApiServer, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kubeconfig(tmp_path / "one", server.port, certificates.ca_file, "one", "one")
    two = kubeconfig(tmp_path / "two", server.port, certificates.ca_file, "two", "two")
    monkeypatch.setenv("KUBECONFIG", f"{one}:{two}")

    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/version")
        login = await kopfs(cluster)

    assert server.authorizations == [f"Bearer {login.token}"]


async def refused() -> str:
    with pytest.raises(ValueError, match=r".") as error:
        async with client.connect(TIMEOUT):
            raise AssertionError("logged in")
    return str(error.value)


async def test_outside_of_a_pod_it_says_what_to_set() -> None:
    said = await refused()

    assert said.startswith("KUBECONFIG is not set, and there is no service account as in a pod")


async def test_a_pod_without_its_token_says_so(pod: Pod) -> None:
    pod.token.unlink()

    assert "Service token file does not exist" in await refused()


@pytest.mark.parametrize(
    "content", [None, "", "[1]", "text", "{", "kind: Config", "current-context: here\ncontexts: []", "certificate"]
)
async def test_a_kubeconfig_that_cannot_be_used_is_named(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    if content == "certificate":
        empty = tmp_path / "ca"
        empty.write_text("no certificate")
        kubeconfig(path, 9, empty, "token")
    elif content is not None:
        path.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(path))

    assert (await refused()).startswith(f"KUBECONFIG={path} cannot be used: ")
