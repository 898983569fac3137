"""Ten thousand hostile requests over real sockets; `tests/batteries/hostile.py` sends as many as you like."""

from pathlib import Path

import pytest
from program import new_key, program
from siege import Siege

from orchestrator.server.dialects import DIALECTS

SEED = 1


@pytest.mark.parametrize(("number", "guarded"), [(8_000, False), (2_000, True)], ids=["open", "with keys"])
def test_hostile_requests_do_no_harm(tmp_path: Path, number: int, guarded: bool) -> None:
    key = new_key(tmp_path) if guarded else None
    with program(tmp_path, "serve") as server:
        siege = Siege(server.url, bases=tuple(dialect.base for dialect in DIALECTS), key=key)
        verdict = siege.send(number, SEED)
        print(verdict)
        siege.converse()
        siege.close()
        assert verdict.complaints == []
        assert server.traces == []
