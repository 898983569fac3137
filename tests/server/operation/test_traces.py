"""Traces: one tree from the request over the run to the model's turns and the calls, without a word of content."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from process import ECHO, assistant, begin, ended, run, served

from orchestrator.errors import SettingsError
from orchestrator.server.app import open_server
from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.door import Model
from orchestrator.server.models.scripted import ScriptedModel
from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run
from orchestrator.server.serving import listening
from orchestrator.server.telemetry.instruments import Instruments
from orchestrator.server.telemetry.otel import OtelTraces
from orchestrator.server.telemetry.setup import instruments
from orchestrator.settings import Operating

CANARY = "canary-91c2"
ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Clerk:
    """Performs `lookup` here."""

    def performs(self, assistant: Assistant, call: Call) -> bool:
        return call.name == "lookup"

    def repeatable(self, assistant: Assistant, call: Call) -> bool:
        return False

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        return '{"error": {"code": "failed"}}' if "break" in call.arguments else CANARY


@asynccontextmanager
async def traced(place: Path, model: Model) -> AsyncIterator[tuple[httpx2.AsyncClient, InMemorySpanExporter]]:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    observed = Instruments(traces=OtelTraces(provider))
    models = Directory([Route(match="*", model=model)])
    async with open_server(place, models=models, performers=[Clerk()], instruments=observed) as server:
        transport = httpx2.ASGITransport(app=server.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x/api/v1") as http:
            yield http, spans


async def carried_out(http: httpx2.AsyncClient, text: str, **headers: str) -> dict[str, Any]:
    """A streamed run, to its end; the assistant bears canaries wherever it can."""
    body = {"model": "m-1", "name": "guide", "instructions": CANARY, "tools": [ECHO], "temperature": 0.5}
    guide = (await http.post("/assistants", json=body)).json()
    thread = {"messages": [{"role": "user", "content": text}]}
    asked = {"assistant_id": guide["id"], "thread": thread, "stream": True}
    await http.post("/threads/runs", json=asked, headers=headers)
    found = (await http.get("/runs")).json()["data"][0]
    return {**dict(found), "assistant_id": guide["id"]}


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parents(spans: Sequence[ReadableSpan]) -> set[str]:
    return {f"{span.parent.span_id:x}" for span in spans if span.parent is not None}


def ident(span: ReadableSpan) -> str:
    return f"{span.get_span_context().span_id:x}"


async def test_a_request_its_run_the_turns_and_the_calls_are_one_tree(tmp_path: Path) -> None:
    async with traced(tmp_path, ScriptedModel(None)) as (http, spans):
        made = await carried_out(http, f'/call lookup {{"what": "{CANARY}"}}', traceparent=ABOVE)
    (request,) = named(spans, "POST /api/v1/threads/runs")
    (agent,) = named(spans, "invoke_agent guide")
    (call,) = named(spans, "execute_tool lookup")
    turns = named(spans, "chat m-1")
    assert request.kind == SpanKind.SERVER
    assert parents([request]) == {"b7ad6b7169203331"}
    assert parents([agent]) == {ident(request)}
    assert parents([call, *turns]) == {ident(agent)}
    assert {span.context.trace_id for span in (request, agent, call, *turns)} == {0x0AF7651916CD43DD8448EB211C80319C}
    assert facts(request)["http.response.status_code"] == 200
    assert facts(agent) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.conversation.id": made["thread_id"],
        "gen_ai.agent.id": made["assistant_id"],
        "gen_ai.agent.name": "guide",
        "gen_ai.request.model": "m-1",
        "orchestrator.run.id": made["id"],
        "orchestrator.run.status": "completed",
    }
    assert [facts(turn)["gen_ai.response.finish_reasons"] for turn in turns] == [("tool_calls",), ("stop",)]
    assert turns[0].kind == SpanKind.CLIENT
    assert facts(turns[0])["gen_ai.provider.name"] == "orchestrator"
    assert facts(turns[0])["gen_ai.request.temperature"] == 0.5
    assert sum(facts(turn)["gen_ai.usage.output_tokens"] for turn in turns) == made["usage"]["completion_tokens"]
    assert sum(facts(turn)["gen_ai.usage.input_tokens"] for turn in turns) == made["usage"]["prompt_tokens"]
    assert facts(call)["gen_ai.tool.name"] == "lookup"
    assert facts(call)["gen_ai.tool.type"] == "function"
    assert facts(call)["gen_ai.tool.call.id"]
    assert CANARY not in "".join(span.to_json() for span in spans.get_finished_spans())


async def test_what_fails_is_marked_by_its_type_alone(tmp_path: Path) -> None:
    async with traced(tmp_path, ScriptedModel(None)) as (http, spans):
        await carried_out(http, f"/fail {CANARY}")
        await carried_out(http, '/call lookup {"what": "break"}')
    (turn, *_) = named(spans, "chat m-1")
    (agent, *_) = named(spans, "invoke_agent guide")
    (call,) = named(spans, "execute_tool lookup")
    assert facts(turn)["error.type"] == facts(agent)["error.type"] == "ModelFault"
    assert facts(call)["error.type"] == "tool_error"
    assert {span.status.status_code for span in (turn, agent, call)} == {StatusCode.ERROR}
    assert CANARY not in "".join(span.to_json() for span in spans.get_finished_spans())


async def test_the_model_learns_where_in_the_trace_it_is_asked(tmp_path: Path) -> None:
    heard: list[dict[str, str]] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        heard.append({name.decode(): value.decode() for name, value in scope["headers"]})
        while (await receive()).get("more_body"):
            pass
        delta = {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}], "model": "m-1-2026"}
        data = f"data: {json.dumps(delta)}\n\ndata: [DONE]\n\n".encode()
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async with listening(endpoint, host="127.0.0.1", port=0) as address:
        model = CompatibleModel(f"{address}/v1", None)
        async with traced(tmp_path, model) as (http, spans):
            await carried_out(http, "hello", traceparent=ABOVE)
            (turn,) = named(spans, "chat m-1")
        await model.close()
    assert heard[0]["traceparent"] == f"00-0af7651916cd43dd8448eb211c80319c-{turn.context.span_id:016x}-01"
    assert facts(turn)["gen_ai.provider.name"] == "openai"
    assert facts(turn)["gen_ai.response.model"] == "m-1-2026"


async def test_a_run_without_a_traced_request_is_a_tree_of_its_own(tmp_path: Path) -> None:
    """As after a restart."""
    async with traced(tmp_path, ScriptedModel(None)) as (http, spans):
        made = await carried_out(http, '/call lookup {"a": 1}', traceparent="nonsense")
    (request,) = named(spans, "POST /api/v1/threads/runs")
    assert request.parent is None
    assert made["status"] == "completed"


@contextmanager
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """A loopback OTLP receiver, and the bodies that it got."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            assert self.path == "/v1/traces"
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("by", ["option", "variable"])
def test_spans_are_sent_by_otlp_when_the_server_stops_at_the_latest(tmp_path: Path, by: str) -> None:
    with receiver() as (url, bodies):
        options = ["--traces-to", url] if by == "option" else []
        env = {} if by == "option" else {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SERVICE_NAME": "orders"}
        with served(tmp_path, *options, env=env) as server, server.client() as http:
            ended(http, begin(http, assistant(http, instructions=CANARY), CANARY))
            assert server.stop() == 0
    requests = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    resources = [one for request in requests for one in request.resource_spans]
    names = {span.name for one in resources for scope in one.scope_spans for span in scope.spans}
    assert names >= {"POST /api/v1/threads/runs", "invoke_agent", "chat m"}
    services = {a.value.string_value for one in resources for a in one.resource.attributes if a.key == "service.name"}
    assert services == {"orchestrator" if by == "option" else "orders"}
    assert CANARY.encode() not in b"".join(bodies)


def test_a_receiver_that_is_away_harms_nobody(tmp_path: Path) -> None:
    env = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with served(tmp_path, "--traces-to", "http://127.0.0.1:1", env=env) as server, server.client() as http:
        assert ended(http, begin(http, assistant(http), "hello"))["status"] == "completed"
        assert server.stop() == 0


def test_nobody_who_does_not_ask_for_traces_pays_for_them() -> None:
    code = (
        "import asyncio, sys\nfrom orchestrator.server.telemetry.setup import instruments\n"
        "from orchestrator.settings import Operating\nimport orchestrator.server.app\n"
        "async def main():\n  async with instruments(Operating()): pass\n"
        "asyncio.run(main())\nprint([m for m in sys.modules if m.startswith(('opentelemetry', 'prometheus_client'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_traces_that_are_asked_for_and_not_installed_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("orchestrator.server.telemetry.otel")
    monkeypatch.setitem(sys.modules, "orchestrator.server.telemetry.otel", None)

    async def ask() -> None:
        async with instruments(Operating(trace=True)):
            pass

    with pytest.raises(SettingsError, match="not installed") as refused:
        asyncio.run(ask())
    assert "assistant-orchestrator[otel]" in (refused.value.hint or "")


def test_the_sdk_can_be_switched_off(tmp_path: Path) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}
    assert Operating.read(env).trace is False
    assert Operating.read({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}).trace is True
    assert "SET001" in run(tmp_path, "serve", env={"ORCHESTRATOR_LOG_LEVEL": "loud"}).stderr
