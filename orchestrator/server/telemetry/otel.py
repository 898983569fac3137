"""Traces by OpenTelemetry (extra `otel`): spans of requests, runs, turns of the model and tool calls, without content.

Names follow the conventions for HTTP and for generative AI. Spans are sent by OTLP over HTTP; `OTEL_*` variables of
the SDK (headers, sampler, service name, batch sizes) hold as everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from orchestrator import transport
from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run
from orchestrator.server.telemetry.traces import ERROR_TYPE, HTTP_STATUS, Mark

_PROPAGATOR = TraceContextTextMapPropagator()
_CARRIED = ("traceparent", "tracestate")
_SETTINGS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
}
_Value = str | int | float | Sequence[str]


def provider(endpoint: str | None) -> TracerProvider:
    """Sends spans in batches, from a thread of its own, to an OTLP receiver.

    `endpoint`: its base address (`/v1/traces` is added); None: what `OTEL_EXPORTER_OTLP_*` say.
    """
    name = os.environ.get("OTEL_SERVICE_NAME") or "orchestrator"
    resource = Resource.create({SERVICE_NAME: name, "service.version": version("assistant-orchestrator")})
    made = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint and f"{endpoint.rstrip('/')}/v1/traces")
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


class OtelTraces:
    """Makes the spans. The provider stays the caller's."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("orchestrator", version("assistant-orchestrator"))

    def here(self) -> object:
        """The span under way."""
        return trace.get_current_span().get_span_context()

    @contextmanager
    def request(self, dialect: str, method: str, route: str, headers: Iterable[tuple[bytes, bytes]]) -> Generator[Mark]:
        """A server span, below the caller's `traceparent`."""
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        above = _PROPAGATOR.extract({name: carrier[name] for name in _CARRIED if name in carrier}, context=Context())
        facts = {"http.request.method": method, "http.route": route, "orchestrator.dialect": dialect}
        with self._span(f"{method} {route}", SpanKind.SERVER, facts, above) as mark:
            yield mark

    @contextmanager
    def run(self, run: Run, assistant: Assistant, place: object) -> Generator[Mark]:
        """An agent's span, below the request that asked for the run."""
        facts = {
            **_about(run, "invoke_agent"),
            "gen_ai.agent.id": assistant.id,
            "gen_ai.request.model": run.model,
            "orchestrator.run.id": run.id,
        }
        if assistant.name:
            facts["gen_ai.agent.name"] = assistant.name
        above = Context()
        if isinstance(place, trace.SpanContext) and place.is_valid:
            above = trace.set_span_in_context(trace.NonRecordingSpan(place), above)
        name = f"invoke_agent {assistant.name}" if assistant.name else "invoke_agent"
        with self._span(name, SpanKind.INTERNAL, facts, above) as mark:
            yield mark

    @contextmanager
    def turn(self, run: Run, provider: str) -> Generator[Mark]:
        """A client span around one answer of the model, whose endpoint learns of it by `traceparent`."""
        facts = {
            **_about(run, "chat"),
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": run.model,
            **{_SETTINGS[name]: value for name, value in run.settings.items() if name in _SETTINGS},
        }
        with self._span(f"chat {run.model}", SpanKind.CLIENT, facts) as mark:
            carried: dict[str, str] = {}
            _PROPAGATOR.inject(carried)
            token = transport.carried.set(carried)
            try:
                yield mark
            finally:
                transport.carried.reset(token)

    @contextmanager
    def call(self, run: Run, call: Call) -> Generator[Mark]:
        """A span around one tool call."""
        facts = {
            **_about(run, "execute_tool"),
            "gen_ai.tool.name": call.name,
            "gen_ai.tool.call.id": call.id,
            "gen_ai.tool.type": "function" if call.type == "function" else "extension",
        }
        with self._span(f"execute_tool {call.name}", SpanKind.INTERNAL, facts) as mark:
            yield mark

    def _span(
        self, name: str, kind: SpanKind, facts: Mapping[str, _Value], above: Context | None = None
    ) -> AbstractContextManager[_Mark]:
        return _within(self._tracer.start_span(name, above, kind=kind, attributes=facts))


@contextmanager
def _within(span: Span) -> Generator[_Mark]:
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield _Mark(span)
        except BaseException as error:  # its words may quote what was said: the type is enough
            span.set_attribute(ERROR_TYPE, type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
            raise


class _Mark:
    """A span that is recorded."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, name: str, value: str | int | Sequence[str]) -> None:
        """Add an attribute; what tells of an error marks the span."""
        self._span.set_attribute(name, value)
        if name == ERROR_TYPE or (name == HTTP_STATUS and isinstance(value, int) and value >= 500):
            self._span.set_status(Status(StatusCode.ERROR))


def _about(run: Run, operation: str) -> dict[str, _Value]:
    return {"gen_ai.operation.name": operation, "gen_ai.conversation.id": run.thread_id}
