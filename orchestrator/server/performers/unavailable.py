"""The answer to calls of built-in tools that this server cannot perform: the model is told so, the run goes on."""

from __future__ import annotations

import orjson

from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run
from orchestrator.tools import BY_ALIAS, BY_TYPE, Function

_BUILT_IN = frozenset((BY_TYPE.keys() | BY_ALIAS.keys()) - {Function.TYPE})


class Unavailable:
    """Claims the built-in kinds by type and by older name; never `function`, never a console plug-in."""

    def performs(self, assistant: Assistant, call: Call) -> bool:
        """Whether the call is of a built-in kind."""
        return call.type in _BUILT_IN

    def repeatable(self, assistant: Assistant, call: Call) -> bool:
        """It does nothing, however often."""
        return True

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        """JSON text with `error` and `message`."""
        message = f"The tool '{call.type}' is not available on this server."
        return orjson.dumps({"error": {"code": "tool_unavailable", "message": message}}).decode()
