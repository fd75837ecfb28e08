"""The one client of the API server: paths and JSON, with the configuration and the session of the Kubernetes client.

The generated methods of that client are not used. They build a typed model of each answer, and each of the five kinds of
objects would need methods of its own. The operator only handles the part of an object that it owns."""

import asyncio
import json
import logging
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import yaml
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject, RESTResponse
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from gitlab_azure_identity import tracing
from gitlab_azure_identity.clock import dated
from gitlab_azure_identity.kube.bodies import encoded
from gitlab_azure_identity.kube.kubeconfig import Kubeconfig
from gitlab_azure_identity.metrics import CLUSTER_REQUESTS
from gitlab_azure_identity.permit import NOT_LEADING, Permit
from gitlab_azure_identity.progress import of_request
from gitlab_azure_identity.waiting import finished

Json = dict[str, Any]
Body = Json | list[Json]  # a list is a JSON patch

CONNECTIONS = 16  # open at the same time; each costs a TLS handshake, and memory while it is open
UNLIMITED = 0
WATCH = 240  # seconds of one watch; aiohttp ends what takes 300
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class ClusterError(Exception):
    """The API server refused a request, or did not answer (`status` 0). `causes` are the messages of details.causes."""

    def __init__(self, status: int, reason: str, message: str, causes: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason} ({status}): {message}")
        self.status, self.reason, self.message, self.causes = status, reason, message, causes

    @property
    def not_found(self) -> bool:
        return self.status == 404  # noqa: PLR2004

    @property
    def expired(self) -> bool:
        """Whether the API server no longer knows the version that a watch was to go on from."""
        return self.status == 410  # noqa: PLR2004

    @property
    def terminating(self) -> bool:
        """Whether the request was refused because the namespace is being deleted."""
        return self.status == 403 and "is being terminated" in self.message  # noqa: PLR2004

    @property
    def field_conflict(self) -> bool:
        """Whether another field manager owns a field that was applied without force."""
        return self.status == 409 and "Apply failed" in self.message  # noqa: PLR2004


@dataclass(frozen=True)
class Access:
    """The API server's address, and how to log in there: for kopf, which has a client of its own."""

    server: str
    token: str | None
    insecure: bool
    ca_path: str | None
    certificate_path: str | None
    private_key_path: str | None
    proxy_url: str | None


class _Rest(RESTClientObject):
    """Sends a body as it is. The Kubernetes client's own class encodes it as JSON that is no YAML (kubernetes 37.0.2).

    `connections` may be open at the same time; 0 is without a limit."""

    def __init__(self, configuration: Configuration, connections: int) -> None:
        super().__init__(configuration)
        self.maxsize = connections

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        post_params: object = None,
        _request_timeout: object = None,
    ) -> RESTResponse:
        del post_params, _request_timeout  # never given: Cluster sends bodies only, and bounds the time itself
        if self.pool_manager is None:
            self.pool_manager = self._create_pool_manager()
        return RESTResponse(
            await self.pool_manager.request(
                method,
                url,
                headers=headers,
                data=body,
                proxy=self.proxy,
                proxy_headers=self.proxy_headers,
                server_hostname=self.configuration.tls_server_name,
            )
        )


@dataclass
class Sent:
    """How many requests were sent to the API server since the start of the process."""

    requests: int = 0


class Cluster:
    """Sends requests to the API server. `timeout` bounds one request, in seconds. Writes need the permit, and end with it.

    A watch keeps its connection, so `watches` is a client of its own: else watches would leave the requests none."""

    def __init__(
        self, api: ApiClient, watches: _Rest, timeout: float, permit: Permit, sent: Sent | None = None
    ) -> None:
        self._api, self._watches, self._timeout, self._permit = api, watches, timeout, permit
        self.sent = sent or Sent()

    def for_leases(self, timeout: float) -> "Cluster":
        """The same login, for the requests that decide on the permit. They need none, and are counted with the others. They wait
        for no connection of the others: while the API server is slow, the leader would lose its term to its own requests."""
        api = copy(self._api)
        api.rest_client = self._watches
        return Cluster(api, self._watches, timeout, Permit(), self.sent)

    async def access(self) -> Access:
        """The access of this client, read again from its source. Raises ValueError as `connect` does."""
        configuration = self._api.configuration
        await _log_in(configuration)
        key = await configuration.get_api_key_with_prefix("BearerToken")
        return Access(
            server=configuration.host,
            token=key.rpartition(" ")[2] if key else None,  # without the scheme
            insecure=not configuration.verify_ssl,
            ca_path=configuration.ssl_ca_cert,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            proxy_url=configuration.proxy,
        )

    async def request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Json:
        """The answer's JSON. Raises ClusterError."""
        if method != "GET" and not self._permit.left:
            raise ClusterError(0, "NotLeading", NOT_LEADING)
        self.sent.requests += 1
        CLUSTER_REQUESTS.labels(method).inc()
        try:
            with of_request(), tracing.of_request(method, method, f"{self._api.configuration.host}{path}") as span:
                headers = {"Accept": accept, "Content-Type": content_type, **tracing.headers()}
                status, text = await self._sent(method, path, body, query, headers)
                tracing.answered(span, status)
        except (aiohttp.ClientError, OSError) as error:
            raise ClusterError(0, type(error).__name__, str(error) or "no answer in time") from error
        answer = _decoded(text)
        if status >= 400:  # noqa: PLR2004
            raise _error(status, answer or {}, text)
        if answer is None:
            raise _stranger(text)
        return answer

    async def _sent(
        self, method: str, path: str, body: Body | None, query: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Status and body of the answer. A write that was sent is finished even when its caller is cancelled."""
        serialized = await self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=dict(headers),
            body=encoded(body) if body is not None else None,
            auth_settings=["BearerToken"],
        )

        async def exchange() -> tuple[int, bytes]:
            response = await self._api.call_api(*serialized)
            text: bytes = await response.read()  # type: ignore[no-untyped-call]
            return response.status, text

        if method != "GET":
            return await finished(exchange(), self._permit.limit(self._timeout), aiohttp.ClientError, OSError)
        async with asyncio.timeout(self._timeout):
            return await exchange()

    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[Json, None]:
        """The events of a watch until the API server ends it, which it does before the session would. Raises ClusterError, with
        status 410 when the API server no longer knows the version that the watch goes on from."""
        self.sent.requests += 1
        CLUSTER_REQUESTS.labels("GET").inc()
        method, url, headers, *_ = await self._api.param_serialize(
            "GET",
            path,
            query_params=[*query.items(), ("watch", "true"), ("timeoutSeconds", str(WATCH))],
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            async with asyncio.timeout(self._timeout):
                response = (await self._watches.request(method, url, headers)).response
            async with response:
                if response.status >= 400:  # noqa: PLR2004
                    text = await response.read()
                    raise _error(response.status, _decoded(text) or {}, text)
                rest = b""  # not by lines: aiohttp takes none that is longer than 128 KiB
                async for piece in response.content.iter_any():
                    *whole, rest = (rest + piece).split(b"\n")
                    for line in whole:
                        yield _event(line)
        except (aiohttp.ClientError, OSError) as error:
            raise ClusterError(0, type(error).__name__, str(error) or "no answer in time") from error

    async def time(self) -> datetime | None:
        """What the API server's clock says, by the Date header that every answer has. None when it cannot be read. Raises
        ClusterError when there is no answer at all."""
        serialized = await self._api.param_serialize("GET", "/version", header_params={}, auth_settings=["BearerToken"])
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._api.call_api(*serialized)
                await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, OSError) as error:
            raise ClusterError(0, type(error).__name__, str(error) or "no answer in time") from error
        return dated(response.headers.get("Date"))

    async def find(self, path: str) -> Json | None:
        """The object at a path, or None when it does not exist. Raises ClusterError."""
        return await self._found(self.request("GET", path))

    async def find_metadata(self, path: str) -> Json | None:
        """The metadata of the object at a path, or None when it does not exist, from the API server's cache. Neither its content
        nor etcd is read. Raises ClusterError.

        Kubernetes documentation, "Kubernetes API Concepts": "Get metadata only" and `resourceVersion="0"`, "Any"."""
        request = self.request("GET", path, query={"resourceVersion": "0"}, accept=METADATA)
        found = await self._found(request)
        return found["metadata"] if found else None

    async def _found(self, request: Awaitable[Json]) -> Json | None:
        try:
            return await request
        except ClusterError as error:
            if error.not_found:
                return None
            raise


def _decoded(text: bytes) -> Json | None:
    """The JSON of an object. None for anything else, such as the page of a proxy."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _stranger(text: bytes) -> ClusterError:
    return ClusterError(0, "NoObject", f"something on the way answered {text[:100].decode(errors='replace')!r}")


def _event(line: bytes) -> Json:
    """An event of a watch. Raises ClusterError for one that tells an error, and for what is no event."""
    event = _decoded(line) or {}
    found = event.get("object")
    if not isinstance(found, dict):
        raise _stranger(line)
    if event.get("type") == "ERROR":
        raise _error(int(found.get("code") or 0), found, line)
    return event


def _error(status: int, answer: Json, text: bytes) -> ClusterError:
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    texts = tuple(str(cause.get("message", "")) for cause in _objects(causes))
    message = answer.get("message") or text.decode(errors="replace")[:300].strip()
    return ClusterError(status, str(answer.get("reason") or "Unknown"), str(message), texts)


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


@asynccontextmanager
async def connect(
    timeout: float, kubeconfig: Kubeconfig | None = None, permit: Permit | None = None
) -> AsyncIterator[Cluster]:
    """Log in with a kubeconfig when one is given or KUBECONFIG is set, else as the pod's service account. Raises ValueError when
    that fails.

    Requests to the API server ignore the proxy variables, which are for Azure. aiohttp does not read address ranges in NO_PROXY,
    so requests to addresses of the cluster would go to the proxy."""
    configuration = Configuration()
    configuration.client_session_kwargs = {"trust_env": False}
    await _log_in(configuration, kubeconfig)
    try:
        api = ApiClient(configuration)
        api.rest_client, watches = _Rest(configuration, CONNECTIONS), _Rest(configuration, UNLIMITED)
    except OSError as error:  # raised by OpenSSL: the file of certificates has none
        raise ValueError(f"{_source(kubeconfig)} cannot be used: {configuration.ssl_ca_cert}: {error}") from error
    async with api:
        try:
            yield Cluster(api, watches, timeout, permit or Permit())
        finally:
            await watches.close()


def _source(kubeconfig: Kubeconfig | None) -> str:
    paths = kubeconfig.paths if kubeconfig else os.environ.get("KUBECONFIG")
    return f"KUBECONFIG={paths}" if paths else "the pod's service account"


async def _log_in(configuration: Configuration, kubeconfig: Kubeconfig | None = None) -> None:
    """The one place that decides which cluster is used. Raises ValueError when there is none."""
    paths = kubeconfig.paths if kubeconfig else os.environ.get("KUBECONFIG")
    context = kubeconfig.context if kubeconfig else None
    failures = _Failures()
    try:
        if paths:
            with failures:
                await load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=paths, context=context, client_configuration=configuration
                )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, ValueError, yaml.YAMLError, TypeError) as error:
        if paths:
            why = "it is no mapping" if isinstance(error, TypeError) else error
            raise ValueError(f"{_source(kubeconfig)} cannot be used: {why}") from error
        raise ValueError(
            f"KUBECONFIG is not set, and there is no service account as in a pod ({str(error).rstrip('.')}). "
            "Set KUBECONFIG to the file that kubectl uses, or run the operator in a pod"
        ) from error
    token = configuration.api_key.get("BearerToken")
    if failures.said and not (token or configuration.cert_file):
        raise ValueError(
            f"{_source(kubeconfig)} gives no login: {'; '.join(failures.said)}. Log in to the cluster again."
        )
    if token:
        configuration.api_key["BearerToken"] = token.strip()  # a file may end with a newline


class _Failures(logging.Handler):
    """Hears of a program that was to log in, such as kubelogin, and failed. The Kubernetes client only logs that, and goes on
    without a login (kubernetes 37.0.2, aio/config/kube_config.py). `said` has its words, with the program's own."""

    _logger = logging.getLogger("kubernetes.aio.config.kube_config")

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message. What the program wrote is in it as Python writes bytes."""
        self.said.append(re.sub(r"b(['\"])(.*)\1$", r"\2", record.getMessage()).rstrip("."))

    def __enter__(self) -> None:
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
