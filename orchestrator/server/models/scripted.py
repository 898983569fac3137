"""The offline model: deterministic, free of network and account. All that it says begins with `[offline model]`.

Rules of a script come first (see `script.py`). Where none matches, lines of the newest user message are commands:

    /call NAME {"json": "arguments"}   calls that function, offered or not, with the text as written; one call per line
    /fail TEXT                         fails with that text
    /slow SECONDS TEXT                 says the text, stretched over at most 10 seconds

Any other message is echoed. Outputs of calls are said back. Tokens are an estimate: a quarter of the UTF-8 bytes,
rounded up, of each text and of each call's name and arguments. A text, not a call, is cut to `max_tokens` of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.server.models.door import CallPiece, ModelEvent, ModelFault, ModelRequest, Spent, Stop, TextPiece
from orchestrator.server.models.script import Rule, Script
from orchestrator.tools.kind import as_object

MARK = "[offline model] "
LONGEST_PAUSE = 10.0  # seconds
MOST_PIECES = 24  # of one reply

_CALL = re.compile(r"^/call[ \t]+(\S+)[ \t]*(.*)$", re.MULTILINE)
_FAIL = re.compile(r"^/fail\b[ \t]*(.*)", re.DOTALL)
_SLOW = re.compile(r"^/slow[ \t]+([0-9]{1,6}(?:\.[0-9]{1,6})?)(?:\s+(.*))?$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What will be said: a text stretched over `seconds`, or calls as (name, arguments)."""

    text: str = ""
    calls: Sequence[tuple[str, str]] = ()
    seconds: float = 0.0


class ScriptedModel:
    """The offline model, with a script or without. The same request has the same answer, call ids included."""

    provider = "orchestrator"

    def __init__(self, script: Script | None, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._rules = script.replies if script else ()
        self._pause = pause

    async def respond(self, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        """Answer one turn; see `Model.respond`. Fails only where `/fail` asks for it."""
        answer = self._answer(request)
        text = _cut(MARK + answer.text, request.settings.get("max_tokens"))
        pieces = _calls(request, answer.calls) if answer.calls else _words(text)
        for piece in pieces:
            if answer.seconds:
                await self._pause(answer.seconds / len(pieces))
            yield piece
        said = [part for call in answer.calls for part in call] or [text]
        yield Spent(prompt_tokens=_prompt_tokens(request), completion_tokens=sum(map(tokens, said)))
        whole = "stop" if len(text) == len(MARK + answer.text) else "length"
        yield Stop(reason="tool_calls" if answer.calls else whole)

    def _answer(self, request: ModelRequest) -> _Answer:
        text = _newest(request.messages)
        outputs = _outputs(request.messages)
        rule, values = self._match(text, frozenset(offer.name for offer in request.offers))
        if rule is None:
            return _Answer(text="\n".join(outputs)) if outputs else _obey(text)
        if rule.calls and not outputs:
            return _Answer(calls=[(call.name, call.filled(values)) for call in rule.calls])
        return _Answer(text=rule.said({**values, "output": "\n".join(outputs)}))

    def _match(self, text: str, offered: frozenset[str]) -> tuple[Rule | None, Mapping[str, str]]:
        """The first rule that fits the text and whose functions are all offered."""
        for rule in self._rules:
            values = rule.match(text) if all(call.name in offered for call in rule.calls) else None
            if values is not None:
                return rule, values
        return None, {}


def tokens(text: str) -> int:
    """The estimate for a text: a quarter of its UTF-8 bytes, rounded up."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


def _cut(text: str, limit: object) -> str:
    """The text, cut to `limit` tokens; some bytes less where a character would be cut in two."""
    if not isinstance(limit, int) or tokens(text) <= limit:
        return text
    return text.encode("utf-8", "surrogatepass")[: 4 * limit].decode("utf-8", "ignore")


def _obey(text: str) -> _Answer:
    """Carry out the commands in a user message, or echo it."""
    failing, slow, calls = _FAIL.match(text), _SLOW.match(text), _CALL.findall(text)
    if failing:
        raise ModelFault(f"{MARK}{failing[1].strip() or 'failed as asked'}")
    if slow:
        return _Answer(text=slow[2] or "", seconds=min(float(slow[1]), LONGEST_PAUSE))
    return (
        _Answer(calls=[(name, arguments.strip() or "{}") for name, arguments in calls]) if calls else _Answer(text=text)
    )


def _newest(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the newest user message."""
    return next((_text(message) for message in reversed(messages) if message.get("role") == "user"), "")


def _outputs(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The outputs at the end of the messages: those of the round of calls just made."""
    outputs: list[str] = []
    for message in reversed(messages):
        if message.get("role") != "tool":
            break
        outputs.insert(0, _text(message))
    return outputs


def _text(message: Mapping[str, Any]) -> str:
    """Content is a string, null, or a list of parts."""
    content = message.get("content")
    if isinstance(content, list | tuple):
        parts = cast("Sequence[object]", content)
        return "".join(str(as_object(part).get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


def _words(text: str) -> list[ModelEvent]:
    """The text in at most MOST_PIECES pieces that end after a space; joined they are the text."""
    words: list[str] = re.findall(r"\s*\S+\s*|\s+", text)
    size = -(-len(words) // MOST_PIECES) or 1
    return [TextPiece(text="".join(words[start : start + size])) for start in range(0, len(words), size)]


def _calls(request: ModelRequest, calls: Sequence[tuple[str, str]]) -> list[ModelEvent]:
    """Each call in two pieces, as models stream them. Ids come from the conversation, so they repeat with it."""
    seed = hashlib.sha256(repr(request.messages).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return [piece for index, call in enumerate(calls) for piece in _call(index, f"call_offline_{seed}_{index}", *call)]


def _call(index: int, call_id: str, name: str, arguments: str) -> Iterator[CallPiece]:
    yield CallPiece(index=index, id=call_id, name=name)
    yield CallPiece(index=index, arguments=arguments)


def _prompt_tokens(request: ModelRequest) -> int:
    return sum(tokens(_text(message)) + _call_tokens(message) for message in request.messages)


def _call_tokens(message: Mapping[str, Any]) -> int:
    functions = [as_object(as_object(call).get("function")) for call in message.get("tool_calls") or ()]
    return sum(tokens(str(f.get("name") or "")) + tokens(str(f.get("arguments") or "")) for f in functions)
