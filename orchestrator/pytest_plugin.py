"""What pytest finds where this package is installed: the fixture `tool_tester`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from orchestrator.testing import ToolTester


@pytest.fixture
def tool_tester() -> Iterator[Callable[..., ToolTester]]:
    """Makes `ToolTester`s, and closes them afterwards: `tool_tester("plugins/x.py").run("f", a=1)`."""
    from orchestrator.testing import ToolTester  # noqa: PLC0415 (every pytest run imports this file)

    made: list[ToolTester] = []

    def make(*args: Any, **kwargs: Any) -> ToolTester:
        made.append(ToolTester(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.finish()
