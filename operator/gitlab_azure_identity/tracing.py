"""Optional traces: a span for each pass, and in it one for each request.

They are off unless there is an endpoint to send them to. Then no span is made, and nothing of OpenTelemetry is loaded."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Protocol
from urllib.parse import urlsplit

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
Attributes = Mapping[str, str | int]


class Span(Protocol):
    """What is told of a pass or of a request while it lasts."""

    def set_attribute(self, key: str, value: str | int) -> None: ...


class Traces(Protocol):
    """Where spans are made."""

    def span(self, name: str, attributes: Attributes, *, request: bool) -> AbstractContextManager[Span]: ...
    def headers(self) -> dict[str, str]: ...
    def trace_id(self) -> str | None: ...


class NoSpan:
    """Of what is not traced."""

    def set_attribute(self, key: str, value: str | int) -> None: ...


class _NoTraces:
    def __init__(self) -> None:
        self._span = nullcontext(NoSpan())

    def span(self, name: str, attributes: Attributes, *, request: bool) -> AbstractContextManager[Span]:
        del name, attributes, request
        return self._span

    def headers(self) -> dict[str, str]:
        return {}

    def trace_id(self) -> str | None:
        return None


_traces: Traces = _NoTraces()


@asynccontextmanager
async def traced(endpoint: str | None) -> AsyncIterator[None]:
    """Send traces to an endpoint, or to that of the variables. Without either nothing is traced.

    `endpoint` is the base of the addresses, such as http://collector:4318. At the end what is left is sent. While nobody answers
    there, that takes as long as OTEL_EXPORTER_OTLP_TIMEOUT says, 10 seconds by default."""
    global _traces  # noqa: PLW0603 - one for the process, as OpenTelemetry has it
    if not endpoint and not any(map(os.environ.get, ENDPOINTS)):
        yield
        return
    from gitlab_azure_identity.otlp import Otlp  # noqa: PLC0415 - it costs memory that most installations can use otherwise

    off, sending = _traces, Otlp(endpoint)
    _traces = sending
    try:
        yield
    finally:
        _traces = off
        await asyncio.to_thread(sending.close)


def of_pass(what: str, namespace: str, name: str) -> AbstractContextManager[Span]:
    """A span for a pass over a resource: the root of a trace."""
    attributes = {"k8s.namespace.name": namespace, "gitlabazureidentity.name": name}
    return _traces.span(what, attributes, request=False)


def of_request(name: str, method: str, url: str) -> AbstractContextManager[Span]:
    """A span for a request of a pass. Its address is without the query. The names of attributes are those of OpenTelemetry's
    semantic conventions for HTTP clients."""
    parts = urlsplit(url)
    attributes = {"http.request.method": method, "server.address": parts.hostname or "", "url.path": parts.path}
    return _traces.span(name, attributes, request=True)


def answered(span: Span, status: int) -> None:
    """Tell the span of a request its answer."""
    span.set_attribute("http.response.status_code", status)


def headers() -> dict[str, str]:
    """The header by which whoever answers a request may continue its trace (W3C Trace Context). Empty when nothing is traced."""
    return _traces.headers()


def trace_id() -> str | None:
    """The id of the present trace, as W3C Trace Context writes it. None outside of a pass, or when nothing is traced."""
    return _traces.trace_id()
