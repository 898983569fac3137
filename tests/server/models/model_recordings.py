"""Streams written by hand in the styles of several servers, and what they mean."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recording:
    raw: bytes
    text: str = ""
    calls: tuple[tuple[str | None, str, str], ...] = ()  # id (None: made up), name, arguments
    spent: tuple[int, int] | None = None
    reason: str = "stop"


def _sse(*chunks: str, end: str = "\n\n") -> bytes:
    return "".join(f"data: {chunk}{end}" for chunk in chunks).encode()


def _delta(delta: str, finish: str = "null", extra: str = "") -> str:
    choice = f'{{"index":0,"delta":{delta},"finish_reason":{finish}}}'
    return f'{{"object":"chat.completion.chunk","choices":[{choice}]{extra}}}'


OPENAI_TEXT = Recording(
    raw=_sse(
        _delta('{"role":"assistant","content":"","refusal":null}'),
        _delta('{"content":"Grüße aus"}'),
        _delta('{"content":" 杭州 🌤"}'),
        _delta("{}", '"stop"'),
        '{"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}',
        "[DONE]",
    ),
    text="Grüße aus 杭州 🌤",
    spent=(9, 4),
)

OPENAI_CALLS = Recording(
    raw=_sse(
        _delta(
            '{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function",'
            '"function":{"name":"get_forecast","arguments":""}}]}'
        ),
        _delta('{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\":"}}]}'),
        _delta('{"tool_calls":[{"index":0,"function":{"arguments":" \\"Paris\\"}"}}]}'),
        _delta(
            '{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"get_time","arguments":""}}]}'
        ),
        _delta('{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}'),
        _delta("{}", '"tool_calls"'),
        '{"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":20}}',
        "[DONE]",
    ),
    calls=(("call_a", "get_forecast", '{"city": "Paris"}'), ("call_b", "get_time", "{}")),
    spent=(50, 20),
    reason="tool_calls",
)

VLLM_REASONING = Recording(  # reasoning, usage in every chunk, comments of a proxy
    raw=b": keep-alive\n\n"
    + _sse(
        _delta('{"role":"assistant","content":""}', extra=',"usage":{"prompt_tokens":7,"completion_tokens":0}'),
        _delta('{"reasoning_content":"secret thoughts"}', extra=',"usage":{"prompt_tokens":7,"completion_tokens":2}'),
    )
    + b": ping - 2026-10-01\n\n"
    + _sse(
        _delta('{"content":"Yes."}', extra=',"usage":{"prompt_tokens":7,"completion_tokens":3}'),
        _delta('{"content":""}', '"stop"', extra=',"usage":{"prompt_tokens":7,"completion_tokens":4}'),
        '{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}',
        "[DONE]",
    ),
    text="Yes.",
    spent=(7, 5),
)

OLLAMA_CALLS = Recording(  # whole calls in one chunk, both numbered 0, finish_reason "stop", no usage
    raw=_sse(
        _delta(
            '{"role":"assistant","content":"","tool_calls":['
            '{"id":"call_1","index":0,"type":"function","function":{"name":"add","arguments":"{\\"a\\":1}"}},'
            '{"id":"call_2","index":0,"type":"function","function":{"name":"add","arguments":"{\\"a\\":2}"}}]}'
        ),
        _delta('{"role":"assistant","content":""}', '"stop"'),
        "[DONE]",
    ),
    calls=(("call_1", "add", '{"a":1}'), ("call_2", "add", '{"a":2}')),
    reason="tool_calls",
)

GEMINI_CALLS = Recording(  # no id, index 0 for all
    raw=_sse(
        _delta('{"tool_calls":[{"index":0,"id":"","function":{"name":"add","arguments":"{\\"a\\":1}"}}]}'),
        _delta('{"tool_calls":[{"index":0,"id":"","function":{"name":"add","arguments":"{\\"a\\":2}"}}]}', '"stop"'),
        "[DONE]",
    ),
    calls=((None, "add", '{"a":1}'), (None, "add", '{"a":2}')),
    reason="tool_calls",
)

LLAMA_CPP = Recording(  # CRLF, no [DONE], arguments null, index missing, timings
    raw=_sse(
        _delta('{"role":"assistant","content":null}'),
        _delta('{"tool_calls":[{"type":"function","function":{"name":"now","arguments":null}}]}'),
        _delta(
            "{}", '"tool_calls"', extra=',"usage":{"prompt_tokens":3,"completion_tokens":2},"timings":{"cache_n":0}'
        ),
        end="\r\n\r\n",
    ),
    calls=((None, "now", "{}"),),
    spent=(3, 2),
    reason="tool_calls",
)

DASHSCOPE = Recording(  # no space after the colon, id "" and name absent in later pieces, usage null until the end
    raw=b"".join(
        b"data:" + chunk.encode() + b"\n\n"
        for chunk in (
            _delta(
                '{"content":null,"role":"assistant","tool_calls":[{"index":0,"id":"call_d","type":"function",'
                '"function":{"name":"get_weather","arguments":""}}]}',
                extra=',"usage":null',
            ),
            _delta(
                '{"content":null,"tool_calls":[{"function":{"arguments":"{\\"location\\": \\"杭"},"index":0,"id":"",'
                '"type":"function"}]}',
                extra=',"usage":null',
            ),
            _delta('{"tool_calls":[{"function":{"arguments":"州\\"}","name":""},"index":0,"id":""}]}'),
            _delta('{"tool_calls":[{"function":{"arguments":null},"index":0,"id":""}]}', '"tool_calls"'),
            '{"choices":[],"object":"chat.completion.chunk","usage":{"prompt_tokens":226,"completion_tokens":20}}',
            "[DONE]",
        )
    ),
    calls=(("call_d", "get_weather", '{"location": "杭州"}'),),
    spent=(226, 20),
    reason="tool_calls",
)

NO_BLANK_LINES = Recording(  # a sloppy proxy; U+2028 and U+0085 stand unescaped in the JSON; bare CR
    raw=("﻿data: " + _delta('{"content":"a\u2028b"}') + "\rdata: " + _delta('{"content":"\u0085c"}') + "\r").encode()
    + _sse(_delta("{}", '"length"'), end="\n"),
    text="a\u2028b\u0085c",
    reason="length",
)

SEVERAL_LINES = Recording(  # one event over several data lines, other fields between
    raw=b'id: 1\nevent: message\nretry: 10\ndata: {"choices": [{"delta":\ndata:  {"content": "hi"},\n'
    b'data: "finish_reason": "stop"}]}\n\n',
    text="hi",
)

PLAIN_JSON = Recording(  # no streaming at all, printed nicely
    raw=b"""{
  "object": "chat.completion",

  "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "Let me see.",
     "tool_calls": [{"id": "call_p", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]}}],
  "usage": {"prompt_tokens": 1, "completion_tokens": 2}
}""",
    text="Let me see.",
    calls=(("call_p", "f", '{"x":1}'),),
    spent=(1, 2),
    reason="tool_calls",
)

RECORDINGS = {
    "openai text": OPENAI_TEXT,
    "openai calls": OPENAI_CALLS,
    "vllm": VLLM_REASONING,
    "ollama": OLLAMA_CALLS,
    "gemini": GEMINI_CALLS,
    "llama.cpp": LLAMA_CPP,
    "dashscope": DASHSCOPE,
    "no blank lines": NO_BLANK_LINES,
    "several lines": SEVERAL_LINES,
    "plain json": PLAIN_JSON,
}
