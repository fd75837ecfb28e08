"""The login to the cluster, the same for the operator's client and for kopf: KUBECONFIG if set, else the service account."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
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
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.clock import Clock as SteadyClock
from gitlab_azure_identity.domain.changes import ApplyObject, ApplyServiceAccount
from gitlab_azure_identity.domain.observed import ClusterObject
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.kube import client
from gitlab_azure_identity.kube.objects import Objects
from gitlab_azure_identity.progress import longest_silence
from gitlab_azure_identity.reconcile.places import Places
from lab.azure.certificates import Certificates

TIMEOUT = 5.0
"""Seconds of one request."""
NOWHERE = "http://127.0.0.1:9"


class ApiServer:
    """An API server that answers every request with the same text and records the requests."""

    def __init__(self) -> None:
        self.port = 0
        self.text = "{}"
        self.paths: list[str] = []
        self.authorizations: list[str] = []
        self.accepted: list[str] = []
        self.bodies: list[tuple[str | None, bytes]] = []
        self.slow = asyncio.Event()  # what is slow is answered once it is set
        self.arrived: asyncio.Queue[web.BaseRequest] = asyncio.Queue()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.paths.append(request.path_qs)
        self.authorizations.append(request.headers.get("Authorization", ""))
        self.accepted.append(request.headers.get("Accept", ""))
        self.bodies.append((request.headers.get("Content-Type"), await request.read()))
        if request.path == "/slow":
            self.arrived.put_nowait(request)
            await self.slow.wait()
        return web.Response(text=self.text, content_type="application/json")


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
def _unreachable_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that uses the proxy variables, or this machine's own login, fails these tests."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    for name in ("NO_PROXY", "no_proxy", "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    """The time that the Kubernetes client reads. It changes only when a test sets it."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time


class Pod:
    """The files and environment variables of a pod with a service account."""

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


def kubeconfig(path: Path, port: int, ca: Path, token: str, name: str = "here", user: object = None) -> Path:
    """A kubeconfig file for a server on this machine. `user` is another login than the token."""
    content = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [
            {"name": name, "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(ca)}}
        ],
        "users": [{"name": name, "user": user or {"token": token}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


async def kopf_login(cluster: client.Cluster) -> kopf.ConnectionInfo:
    """The login that kopf gets from the operator's handler."""
    registry = kopf.OperatorRegistry()
    handlers.register(registry, SimpleNamespace(), cluster.access, TIMEOUT, asyncio.Event())  # type: ignore[arg-type]
    (login,) = [handler.fn for handler in registry._activities.get_all_handlers() if handler.id.endswith("login")]
    found = await cast("Any", login)()
    assert isinstance(found, kopf.ConnectionInfo)
    return found


async def test_in_a_pod_the_client_logs_in_as_the_pods_service_account(pod: Pod, server: ApiServer) -> None:
    async with client.connect(TIMEOUT) as cluster:
        assert await cluster.request("GET", "/version", query={"limit": "1"}) == {}

    assert server.paths == ["/version?limit=1"]
    assert server.authorizations == ["bearer first"]


@pytest.mark.parametrize("content_type", [client.APPLY, client.MERGE, "application/json"])
async def test_a_body_is_sent_in_utf_8_without_escapes(pod: Pod, server: ApiServer, content_type: str) -> None:
    """The API server reads the body of an apply as YAML. YAML refuses a character that JSON escapes as two surrogates."""
    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("PATCH", "/x", {"a": "🦊"}, content_type=content_type)
        await cluster.request("DELETE", "/x", {"a": "🦊"})
        await cluster.request("GET", "/x")

    sent = '{"a": "🦊"}'.encode()
    assert server.bodies == [(content_type, sent), ("application/json", sent), ("application/json", b"")]


@pytest.mark.usefixtures("pod", "server")
async def test_a_request_is_a_sign_of_the_pass_that_sends_it() -> None:
    now = [0.0]
    places = Places(1, TIMEOUT, SteadyClock(steady=lambda: now[0]))
    async with client.connect(TIMEOUT) as cluster, places.place(Key("gitlab", "gitlab")):
        now[0] = longest_silence(TIMEOUT) + 1
        assert places.stuck() != {}

        await cluster.request("GET", "/x")

        assert places.stuck() == {}


async def test_a_token_that_was_rotated_is_read_again(pod: Pod, server: ApiServer) -> None:
    """The kubelet writes a new token long before the old one expires, so one read a minute is enough."""
    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/version")
        pod.token.write_text("second")
        pod.clock.time += dt.timedelta(minutes=1)
        await cluster.request("GET", "/version")

    assert server.authorizations == ["bearer first", "bearer second"]


async def test_kopf_logs_in_as_the_pod_with_the_current_token(pod: Pod, server: ApiServer) -> None:
    async with client.connect(TIMEOUT) as cluster:
        before = await kopf_login(cluster)
        pod.token.write_text("second")
        after = await kopf_login(cluster)

    assert (before.server, before.ca_path) == (f"https://127.0.0.1:{server.port}", str(pod.ca))
    assert (before.token, after.token) == ("first", "second")
    assert (before.insecure, before.trust_env, before.proxy_url) == (False, False, None)


async def test_a_kubeconfig_takes_precedence_over_the_pods_service_account(
    pod: Pod, server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is the case in a pod that manages another cluster."""
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", server.port, pod.ca, "theirs")))

    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/version")
        login = await kopf_login(cluster)

    assert server.authorizations == ["Bearer theirs"]
    assert (login.server, login.token) == (f"https://127.0.0.1:{server.port}", "theirs")


async def test_a_file_with_a_token_may_end_with_a_newline(
    tmp_path: Path, server: ApiServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("theirs\n")
    config = kubeconfig(
        tmp_path / "config", server.port, certificates.ca_file, "", user={"tokenFile": str(tmp_path / "token")}
    )
    monkeypatch.setenv("KUBECONFIG", str(config))

    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/api")

    assert server.authorizations == ["Bearer theirs"]


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


async def test_a_program_that_logs_in_is_run(
    tmp_path: Path, server: ApiServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = json.dumps({**EXEC, "kind": "ExecCredential", "status": {"token": "theirs"}})
    login = {"exec": {**EXEC, "command": "echo", "args": [given]}}
    monkeypatch.setenv(
        "KUBECONFIG", str(kubeconfig(tmp_path / "config", server.port, certificates.ca_file, "", user=login))
    )

    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/api")

    assert server.authorizations == ["Bearer theirs"]


@pytest.mark.parametrize(
    ("command", "args", "said"),
    [
        ("no-such-kubelogin", [], "No such file or directory: 'no-such-kubelogin'"),
        ("sh", ["-c", "echo AADSTS700082: expired. >&2; exit 1"], "exec: process returned 1. AADSTS700082: expired."),
        ("echo", ["{}"], "exec: malformed response. missing key 'apiVersion'."),
    ],
)
async def test_a_program_that_was_to_log_in_and_failed_is_told(
    command: str,
    args: list[str],
    said: str,
    tmp_path: Path,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a request without a login would be answered that somebody anonymous lacks a right."""
    login = {"exec": {**EXEC, "command": command, "args": args}}
    path = kubeconfig(tmp_path / "config", 9, certificates.ca_file, "", user=login)
    monkeypatch.setenv("KUBECONFIG", str(path))

    refused = await refusal()

    assert refused.startswith(f"KUBECONFIG={path} gives no login: ")
    assert said in refused
    assert refused.endswith("Log in to the cluster again.")


async def test_with_several_kubeconfigs_the_client_and_kopf_use_the_same_cluster(
    server: ApiServer, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kubeconfig(tmp_path / "one", server.port, certificates.ca_file, "one", "one")
    two = kubeconfig(tmp_path / "two", server.port, certificates.ca_file, "two", "two")
    monkeypatch.setenv("KUBECONFIG", f"{one}:{two}")

    async with client.connect(TIMEOUT) as cluster:
        await cluster.request("GET", "/version")
        login = await kopf_login(cluster)

    assert server.authorizations == [f"Bearer {login.token}"]


async def refusal() -> str:
    with pytest.raises(ValueError, match=r".") as error:
        async with client.connect(TIMEOUT):
            raise AssertionError("logged in")
    return str(error.value)


async def test_outside_a_pod_the_error_says_what_to_set() -> None:
    assert (await refusal()).startswith("KUBECONFIG is not set, and there is no service account as in a pod")


async def test_a_pod_without_its_token_file_is_refused_with_the_cause(pod: Pod) -> None:
    pod.token.unlink()

    assert "Service token file does not exist" in await refusal()


@pytest.mark.parametrize(
    "content", [None, "", "[1]", "text", "{", "kind: Config", "current-context: here\ncontexts: []", "certificate"]
)
async def test_an_unusable_kubeconfig_is_refused_by_its_path(
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

    assert (await refusal()).startswith(f"KUBECONFIG={path} cannot be used: ")


async def test_the_version_of_an_object_is_read_without_its_content(pod: Pod, server: ApiServer) -> None:
    """A check reads a secret's version many times a day: neither its data is sent, nor etcd asked. Each request is counted."""
    async with client.connect(TIMEOUT) as cluster:
        await cluster.find("/api/v1/namespaces/gitlab/secrets/one")
        await cluster.find_metadata("/api/v1/namespaces/gitlab/secrets/one")
        assert cluster.sent.requests == 2

    assert server.paths[-1] == "/api/v1/namespaces/gitlab/secrets/one?resourceVersion=0"
    assert server.accepted == ["application/json", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"]


@pytest.mark.parametrize(
    ("last", "status", "reason"),
    [
        ('{"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}', 410, "Expired"),
        ('{"type": "ERROR", "object": {}}', 0, "Unknown"),
        ("<html>Sign in</html>", 0, "NoObject"),
        ('{"type": "MODIFIED"}', 0, "NoObject"),
    ],
)
async def test_a_watch_gives_events_until_an_error_or_what_is_none(
    pod: Pod, server: ApiServer, last: str, status: int, reason: str
) -> None:
    event = '{"type": "ADDED", "object": {"kind": "Pod"}}'
    server.text = f"{event}\n{last}\n"

    async with client.connect(TIMEOUT) as cluster:
        events = cluster.watch("/api/v1/pods", {})
        assert (await anext(events))["object"] == {"kind": "Pod"}
        with pytest.raises(client.ClusterError) as error:
            await anext(events)

    assert (error.value.status, error.value.reason) == (status, reason)
    assert error.value.expired is (status == 410)


async def test_a_rehearsal_is_a_dry_run(pod: Pod, server: ApiServer) -> None:
    found = ClusterObject("Secret", "one", "uid", "7", {}, {})
    owner = Owner("lab", "gitlab", "gitlab")
    async with client.connect(TIMEOUT) as cluster:
        rehearsed = Objects(cluster, rehearsing=True)
        await rehearsed.delete(owner, found)
        for write in (
            rehearsed.release(owner, found),
            rehearsed.apply_object(owner, ApplyObject("Secret", "one", {}, {}, None, ())),
            rehearsed.apply_service_account(owner, ApplyServiceAccount("one", {}, True, None, {})),
        ):
            with pytest.raises(KeyError, match="metadata"):
                await write

    assert len(server.paths) == 4
    assert all("dryRun=All" in path for path in server.paths)


async def test_an_api_server_that_is_gone_is_an_error_of_the_cluster(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens at port 9. The error has no status, and it names what could not be reached."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", 9, certificates.ca_file, "token")))

    async with client.connect(TIMEOUT) as cluster:
        with pytest.raises(client.ClusterError) as error:
            await cluster.request("GET", "/version")

    assert (error.value.status, error.value.reason) == (0, "ClientConnectorError")
    assert "127.0.0.1:9" in error.value.message


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_an_api_server_that_keeps_silent_is_not_waited_for(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    gone = asyncio.Event()

    async def keep_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(keep_silent, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", port, certificates.ca_file, "token")))

    async with client.connect(0.1) as cluster, asyncio.timeout(TIMEOUT):
        with pytest.raises(client.ClusterError) as error:
            await cluster.request(method, "/x")

    assert (error.value.status, error.value.message) == (0, "no answer in time")
    gone.set()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("text", ["<html>Log in to go on.</html>", "", "[]", '{"items": [{"meta'])
async def test_a_success_that_is_no_object_tells_nothing(pod: Pod, server: ApiServer, text: str) -> None:
    """A proxy's page is no object that does not exist, and no list without entries."""
    server.text = text
    async with client.connect(TIMEOUT) as cluster:
        with pytest.raises(client.ClusterError, match="something on the way answered") as refused:
            await cluster.find("/api/v1/namespaces/gitlab/secrets/one")

    assert refused.value.status == 0


async def test_the_lease_waits_for_no_other_request(pod: Pod, server: ApiServer) -> None:
    """While the API server is slow, the leader must not lose its term to its own requests."""
    async with client.connect(TIMEOUT) as cluster:
        others = [asyncio.ensure_future(cluster.request("GET", "/slow")) for _ in range(client.CONNECTIONS)]
        for _ in others:
            await server.arrived.get()

        assert await cluster.for_leases(1.0).request("PATCH", "/lease", {}) == {}

        server.slow.set()
        await asyncio.gather(*others)
