"""Built-in tools that the server cannot perform have a clear output."""

import json

import pytest

from orchestrator.server.performers import PERFORMERS, Unavailable
from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run
from orchestrator.tools import BY_ALIAS, BY_TYPE

ASSISTANT = Assistant(id="asst_1", workspace="w", created_at=0, model="m")
RUN = Run(
    id="run_1",
    workspace="w",
    thread_id="t",
    assistant_id="asst_1",
    created_at=0,
    status="in_progress",
    epoch=1,
    model="m",
)


def call(kind: str) -> Call:
    return Call(id="c", type=kind, name=kind, arguments="{}")


@pytest.mark.parametrize("kind", sorted((BY_TYPE.keys() | BY_ALIAS.keys()) - {"function"}))
async def test_a_built_in_tool_is_claimed_and_declined(kind: str) -> None:
    assert Unavailable().performs(ASSISTANT, call(kind))
    assert json.loads(await Unavailable().perform(ASSISTANT, RUN, call(kind))) == {
        "error": {
            "code": "tool_unavailable",
            "message": f"The tool '{kind}' is not available on this server.",
        }
    }


@pytest.mark.parametrize("kind", ["function", "plugin_7c1e", ""])
def test_functions_and_console_plug_ins_are_left_to_others(kind: str) -> None:
    assert not any(p.performs(ASSISTANT, call(kind)) for p in PERFORMERS)


def test_it_comes_last() -> None:
    assert isinstance(PERFORMERS[-1], Unavailable)
