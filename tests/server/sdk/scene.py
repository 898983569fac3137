"""What the conformance tests share: tools, and how they wait for runs."""

import time
from typing import Any

from vendor import Assistants, Messages, Runs, Threads

ENDS = {"cancelled", "failed", "completed", "expired", "requires_action"}


def function(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}
    return {"type": "function", "function": {"name": name, "description": "Units on hand", "parameters": parameters}}


def assistant(*tools: dict[str, Any]) -> Any:
    return Assistants.create(model="qwen-plus", name="clerk", instructions="Be brief.", tools=list(tools))


def thread(*texts: str) -> Any:
    return Threads.create(messages=[{"role": "user", "content": text} for text in texts])


def ended(run: Any) -> Any:
    """`Runs.wait`, without its pauses of a second."""
    deadline = time.monotonic() + 15
    while run.status not in ENDS:
        assert time.monotonic() < deadline, f"the run is still {run.status}"
        time.sleep(0.02)
        run = Runs.get(run.id, thread_id=run.thread_id)
    return run


def answer(thread_id: str) -> str:
    """The text of the newest message."""
    return Messages.list(thread_id).data[0].content[0].text.value
