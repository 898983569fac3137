"""Ten thousand hostile requests over real sockets; `tests/batteries/hostile.py` sends as many as you like."""

from pathlib import Path

from program import program
from siege import Siege

from orchestrator.server.dialects import DIALECTS

NUMBER, SEED = 10_000, 1


def test_hostile_requests_do_no_harm(tmp_path: Path) -> None:
    with program(tmp_path, "serve") as server:
        siege = Siege(server.url, bases=tuple(dialect.base for dialect in DIALECTS))
        verdict = siege.send(NUMBER, SEED)
        print(verdict)
        siege.converse()
        siege.close()
        assert verdict.complaints == []
        assert server.traces == []
