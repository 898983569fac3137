"""Hooks and checks for Schemathesis; `schemathesis.toml` beside it names this module.

Links of the document cannot know everything (an assistant *and* a thread for a run), and made-up ids lead nowhere: so
some of them are replaced by ids that answers have shown. Two checks of ours join those of Schemathesis: what was made
is there at once, what was deleted is gone.
"""

import json
from collections import defaultdict, deque
from random import Random
from typing import Any

import requests
import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

LUCK = 0.6  # that made-up ids are replaced by some that exist
DEPTH = ("step", "message", "run", "thread", "assistant", "file")  # whoever knows the first knows its home
SHORT = {"asst": "assistant", "msg": "message"}
WORKSPACES = ("X-DashScope-WorkSpace", "OpenAI-Project")  # not given, else each request would speak of another one
HOME = ("thread_id", "run_id")

_random = Random(7)
_pending: deque[dict[str, str]] = deque(maxlen=10)
_seen: dict[str, deque[dict[str, str]]] = defaultdict(lambda: deque(maxlen=40))


def take(seen: Any) -> None:
    """Remember the ids that an answer shows, with the thread and the run that they belong to."""
    if not isinstance(seen, dict):
        return
    kind = str(seen.get("id")).replace("-", "_").partition("_")[0]
    kind = SHORT.get(kind, kind)
    if kind in DEPTH and not seen.get("deleted"):
        home = {name.removesuffix("_id"): seen[name] for name in HOME if seen.get(name)}
        _seen[kind].append({**home, kind: seen["id"]})
        take_pending(seen)
    items = seen.get("data")
    for item in items if isinstance(items, list) else ():
        take(item)


def take_pending(seen: Any) -> None:
    """Remember a run that waits for the output of a call."""
    action = seen.get("required_action")
    if action:
        call = action["submit_tool_outputs"]["tool_calls"][0]["id"]
        _pending.append({"thread": seen["thread_id"], "run": seen["id"], "call": call})


def deal(names: Any) -> dict[str, str]:
    """Ids for these names that belong together."""
    wanted = [kind for kind in DEPTH if kind in names]
    known = _seen[wanted[0]] if wanted else ()
    return _random.choice(list(known)) if known else {}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if case.meta is not None and not case.meta.is_negative_at(ParameterLocation.HEADER):
        for name in WORKSPACES:
            case.headers.pop(name, None)
    verb = case.operation.definition.raw["operationId"].partition("_")[2]
    body = case.body if isinstance(case.body, dict) else {}
    if case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL:
        body.pop("stream", None)  # from a stream no link can take an id
    if _random.random() > LUCK or (case.meta is not None and case.meta.generation.mode.is_negative):
        return
    ids = deal(case.path_parameters)
    if verb == "submit_tool_outputs" and _pending:
        ids = _pending.pop()
        body["tool_outputs"] = [{"tool_call_id": ids["call"], "output": "42"}]
    case.path_parameters.update({name: known for name, known in ids.items() if name in case.path_parameters})
    if "assistant_id" in body:
        body["assistant_id"] = deal(["assistant"]).get("assistant", "nobody")
    if verb == "create_thread_and_run" and _random.random() < LUCK:
        body["thread"] = {"messages": [{"role": "user", "content": "/call look {}"}]}
        body["tools"] = [{"type": "function", "function": {"name": "look"}}]


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    if response.status_code == 200 and _is_json(response):
        take(response.json())


@schemathesis.serializer("application/jsonl")
def as_lines(context: Any, value: Any) -> Any:
    """Lines for an import: what the document calls a string, and whatever else is made of it."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.check
def what_was_made_is_there(ctx: Any, response: Any, case: Any) -> None:
    found = _again(case, response, "create")
    if found is not None and found.status_code != 200:
        raise Failure(operation=case.operation.label, title="Not there", message=f"{response.text}\n{found.text}")


@schemathesis.check
def what_was_deleted_is_gone(ctx: Any, response: Any, case: Any) -> None:
    found = _again(case, response, "delete")
    if found is not None and found.status_code not in (400, 404):
        raise Failure(operation=case.operation.label, title="Still there", message=f"{response.text}\n{found.text}")


@schemathesis.check
def keys_are_asked_for(ctx: Any, response: Any, case: Any) -> None:
    """What Schemathesis' own `ignored_auth` sees, also where a missing key is 400, as Model Studio has it."""
    key = response.request.headers.get("Authorization")
    if key is None or case.method.upper() != "GET" or response.status_code != 200 or "/v1/" not in response.request.url:
        return
    for headers in ({}, {"Authorization": "Bearer sk-wrong"}):
        found = requests.get(response.request.url, headers=headers, timeout=20)
        if found.status_code not in (400, 401):
            raise Failure(operation=case.operation.label, title="Let in without a key", message=found.text[:500])


def _again(case: Any, response: Any, wanted: str) -> requests.Response | None:
    """The thing that an answer speaks of, looked up; None when this is no such answer."""
    dialect, verb, thing = f"{case.operation.definition.raw['operationId']}__".split("_", 2)
    template = _paths(case.operation.schema).get(f"{dialect}_get_{thing.rstrip('_')}")
    if verb != wanted or template is None or response.status_code != 200 or not _is_json(response):
        return None
    if "idempotency-replayed" in response.headers:  # it tells what was made some time ago
        return None
    ids = dict(case.path_parameters)
    if wanted == "create":
        ids[thing.rstrip("_")] = response.json()["id"]
    url = case.operation.base_url.rstrip("/") + template.format(**ids)
    return requests.get(url, headers=_same(response.request.headers), timeout=20)


def _same(headers: Any) -> dict[str, str]:
    """Who asks, and of which workspace; not what described the body."""
    return {name: value for name, value in headers.items() if not name.lower().startswith("content-")}


def _paths(schema: Any) -> dict[str, str]:
    return {
        operation["operationId"]: path
        for path, verbs in schema.raw_schema["paths"].items()
        for operation in verbs.values()
    }


def _is_json(response: Any) -> bool:
    return any(value.partition(";")[0] == "application/json" for value in response.headers.get("content-type", ()))
