"""Traces by OpenTelemetry, sent by OTLP over HTTP. Only tracing.py imports it, and only where there is an endpoint.

The variables of the OpenTelemetry specification count: OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME, ..."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gitlab_azure_identity.tracing import Attributes, NoSpan, Span

NAME = "gitlab-azure-identity"


class Otlp:
    """Makes spans, and sends them from a thread."""

    def __init__(self, endpoint: str | None) -> None:
        """`endpoint` is the base of the addresses. None: that of the variables."""
        own = Resource.create({"service.name": NAME, "service.version": version(NAME)})
        resource = own.merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(NAME, version(NAME))
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, request: bool) -> Iterator[Span]:
        """A span within the present one. An error that ends it is noted by its type: its text is in the log, redacted. A request
        that belongs to no pass has none: the Lease is renewed, and objects are checked, all the time."""
        if request and not get_current_span().get_span_context().is_valid:
            yield NoSpan()
            return
        kind = SpanKind.CLIENT if request else SpanKind.INTERNAL
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(StatusCode.ERROR)
                span.set_attribute("error.type", type(error).__qualname__)
                raise

    def headers(self) -> dict[str, str]:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    def trace_id(self) -> str | None:
        context = get_current_span().get_span_context()
        return format_trace_id(context.trace_id) if context.is_valid else None

    def close(self) -> None:
        """Send what is left, and end the thread."""
        self._provider.shutdown()
