"""Ten thousand hostile requests over real sockets; `tests/batteries/hostile.py` sends as many as you like."""

from contextlib import closing
from pathlib import Path

import pytest
from program import SERVE, new_key, program, traces
from siege import Siege

from orchestrator.server.dialects import DIALECTS
from orchestrator.server.telemetry.text_lines import trace

SEED = 1


@pytest.mark.parametrize(("number", "guarded"), [(8_000, False), (2_000, True)], ids=["open", "with keys"])
def test_hostile_requests_do_no_harm(tmp_path: Path, number: int, guarded: bool) -> None:
    key = new_key(tmp_path) if guarded else None
    bases = tuple(dialect.base for dialect in DIALECTS)
    with program(tmp_path, *SERVE) as server, closing(Siege(server.url, bases=bases, key=key)) as siege:
        verdict = siege.send(number, SEED)
        print(verdict)
        siege.converse()
        assert verdict.complaints == []
        assert server.traces == []


@pytest.mark.parametrize("content", [True, False])
def test_a_trace_in_the_log_would_be_seen(content: bool) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018
    assert traces(f"an error: it failed\n{trace(caught.value, content=content)}")
    assert not traces("warning uvicorn.error: Invalid HTTP request received.")
