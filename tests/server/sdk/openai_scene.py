"""What the conformance tests of OpenAI's dialect share."""

from collections.abc import Callable
from typing import Any

import pytest
from openai import APIStatusError, OpenAI
from openai.types.beta import Assistant, Thread

POLL_MS = 10
MISSING = "The specified {} has been deleted or does not exist."


def function(name: str, **more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}
    told = {"name": name, "description": "Units on hand", "parameters": parameters, **more}
    return {"type": "function", "function": told}


def assistant(client: OpenAI, *tools: dict[str, Any], **fields: Any) -> Assistant:
    return client.beta.assistants.create(model="qwen-plus", instructions="Be brief.", tools=list(tools), **fields)  # type: ignore[arg-type]


def thread(client: OpenAI, *texts: str) -> Thread:
    return client.beta.threads.create(messages=[{"role": "user", "content": text} for text in texts])


def answer(client: OpenAI, thread_id: str) -> str:
    """The text of the newest message."""
    return text_of(client.beta.threads.messages.list(thread_id, limit=1).data[0])


def text_of(message: Any) -> str:
    return "".join(part.text.value for part in message.content if part.type == "text")


def refused(call: Callable[[], object], kind: type[APIStatusError]) -> Any:
    """The error object of a refusal, whose class must be the one for its status."""
    with pytest.raises(APIStatusError) as caught:
        call()
    error = caught.value
    assert type(error) is kind
    assert len(error.request_id or "") == 36
    assert isinstance(error.body, dict)
    assert {"message", "type", "param", "code"} <= error.body.keys()
    return error
