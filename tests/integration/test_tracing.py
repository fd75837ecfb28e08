"""Traces of passes, as a collector receives them by OTLP over HTTP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from .behind import after_a_pass, until
from .operating import Operator
from .resources import GitLab


class Collector:
    """Receives spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.service: dict[str, str] = {}
        receive = self._receive

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.end_headers()
                receive(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever).start()

    def _receive(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.service = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def passes(self, gitlab: GitLab) -> list[Span]:
        """The spans of the passes over a resource."""
        return [one for one in self.spans if told(one).get("k8s.namespace.name") == gitlab.namespace]

    def of_trace(self, trace: bytes) -> list[Span]:
        """The other spans of a trace."""
        return [one for one in self.spans if one.trace_id == trace and one.parent_span_id]


def told(span: Span) -> dict[str, str | int]:
    """The attributes of a span."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def test_a_pass_is_a_trace_with_a_span_for_each_request(
    gitlab: GitLab, operator: Operator, collector: Collector
) -> None:
    operator.restart(tracing={"endpoint": collector.url})
    gitlab.lab.controls.clear_calls()
    gitlab.apply().ready()
    after_a_pass(operator)
    operator.stop()  # what is left is sent then

    first, *_ = collector.passes(gitlab)
    requests = collector.of_trace(first.trace_id)
    assert (first.name, told(first)["result"], told(first)["gitlabazureidentity.name"]) == (
        "reconcile",
        "success",
        "gitlab",
    )
    assert {one.parent_span_id for one in requests} == {first.span_id}
    assert all(first.start_time_unix_nano <= one.start_time_unix_nano for one in requests)
    assert all(one.end_time_unix_nano <= first.end_time_unix_nano for one in requests)
    (created,) = [one for one in requests if one.name == "Microsoft.ManagedIdentity/userAssignedIdentities/write"]
    attributes = told(created)
    assert str(attributes.pop("url.path")).endswith(f"/userAssignedIdentities/{gitlab.identity_name}")
    assert attributes == {
        "http.request.method": "PUT",
        "server.address": "management.azure.com",
        "http.response.status_code": 201,
    }
    assert [told(one)["server.address"] for one in requests].count("management.azure.com") == len(gitlab.calls())
    to_cluster = [(told(one)["http.request.method"], told(one)["url.path"]) for one in requests if "/" not in one.name]
    assert ("PATCH", f"/apis/gitlabazure.io/v1alpha1/namespaces/{gitlab.namespace}/gitlabazureidentities/gitlab") in [
        (method, str(path).removesuffix("/status")) for method, path in to_cluster
    ]
    assert collector.service["service.name"] == "gitlab-azure-identity"


def test_lines_of_the_log_have_the_id_of_their_trace(gitlab: GitLab, operator: Operator, collector: Collector) -> None:
    """The endpoint may be that of OpenTelemetry's own variables, as an operator of collectors injects them."""
    operator.restart({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "theirs"})
    gitlab.apply().ready()
    until(
        lambda: any("Ready" in one["message"] for one in _lines(gitlab, operator)),
        "the event of being Ready is in the log",
    )
    operator.stop()

    traces = {one.trace_id.hex() for one in collector.passes(gitlab)}
    assert {line["traceId"] for line in _lines(gitlab, operator)} <= traces
    assert collector.service["service.name"] == "theirs"


def _lines(gitlab: GitLab, operator: Operator) -> list[dict[str, str]]:
    return [entry for entry in operator.entries() if entry.get("resource") == f"{gitlab.namespace}/gitlab"]


def test_a_request_that_got_no_answer_is_an_error_of_its_span(
    gitlab: GitLab, operator: Operator, collector: Collector
) -> None:
    operator.restart(tracing={"endpoint": collector.url})
    gitlab.lab.controls.add_fault("PUT */userassignedidentities/*", reset=True, times=2)
    gitlab.apply().ready()
    gitlab.delete()
    operator.stop()

    writes = [one for one in collector.spans if one.name == "Microsoft.ManagedIdentity/userAssignedIdentities/write"]
    (lost,) = [one for one in writes if one.status.code == Status.STATUS_CODE_ERROR]
    assert told(lost)["error.type"]
    assert "finalize" in [one.name for one in collector.passes(gitlab)]


def test_a_collector_that_does_not_answer_stops_nothing(
    gitlab: GitLab, operator: Operator, collector: Collector
) -> None:
    collector.close()
    operator.restart(tracing={"endpoint": collector.url})

    gitlab.apply().ready()

    assert operator.stop() < 15
    operator.start()
    assert [one for one in operator.entries() if one["severity"] == "critical"] == []
