"""For tests of plug-ins: call a function as a model would, through JSON, without a server.

    async def test_forecast():
        async with ToolTester("plugins/weather.py", settings={"unit": "celsius"}) as weather:
            answer = await weather.call("forecast", city="Oslo")
            assert answer.ok and "Oslo" in answer.text

The pytest fixture `tool_tester` makes them, and closes them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from orchestrator.diagnostics import Diagnostic, did_you_mean
from orchestrator.errors import PluginsInvalid
from orchestrator.functions.configuring import Configuration, configure
from orchestrator.functions.context import Files, Occasion, Surroundings
from orchestrator.functions.importing import Broken, load_unit
from orchestrator.functions.outputs import ToolOutput
from orchestrator.functions.performing import Stage, Terms
from orchestrator.functions.registry import Function, Registry, Unit

IMPORT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a call was. `total` None: nobody knew."""

    done: float
    total: float | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a call. `error`: what the model is told of one, `{"code", "message", …}`; None: it went well."""

    text: str
    ok: bool
    code: str | None
    seconds: float
    progress: tuple[Progress, ...] = ()

    @property
    def json(self) -> Any:
        """The text as JSON. Raises: ValueError, it is none."""
        return json.loads(self.text)

    @property
    def error(self) -> Mapping[str, Any] | None:
        """What the model is told when it went wrong."""
        return None if self.ok else self.json["error"]


@dataclass(slots=True)
class ToolTester:
    """One plug-in, a file or a folder, ready to be called.

    `settings`, `grants`, `secrets`: what its manifest would give (grants None: all that the code asks for); `state`:
    what stays with the thread; `approve`: what a person answers who is asked. To be used as an async context manager
    with `call`, or closed by `finish` after `run`.
    """

    path: str | Path
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    grants: Sequence[str] | None = None
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    state: MutableMapping[str, Any] = field(default_factory=dict[str, Any])
    approve: bool = True
    files: Files | None = None
    unit: Unit = field(init=False)
    _registry: Registry = field(init=False)
    _stage: Stage = field(init=False)
    _runner: asyncio.Runner | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Load it.

        Raises:
            PluginsInvalid: it cannot be loaded, or lacks settings or permissions; all complaints are in it.
        """
        self.unit = self._configured(_loaded(Path(self.path)))
        self._registry = Registry.of([self.unit])
        self._stage = Stage()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close what the plug-in opened."""
        await self._stage.close()

    def run(self, name: str, /, **arguments: Any) -> Answer:
        """`call`, for tests that are no coroutines: all on one event loop, which `finish` closes."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self.call(name, **arguments))

    def finish(self) -> None:
        """Close what `run` opened."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.run(self.close())
            runner.close()

    def function(self, name: str) -> Function:
        """One of its functions. Raises: LookupError with the names there are."""
        found = self._registry.find(f"{self.unit.name}.{name}")
        if found is None:
            known = [one.tool for one in self.unit.functions]
            raise LookupError(f"there is no function '{name}'; {did_you_mean(name, known) or f'there are {known}'}")
        return found

    async def call(self, name: str, /, **arguments: Any) -> Answer:
        """Call a function with arguments that go through JSON, as those of a model do."""
        return await self.call_json(name, json.dumps(arguments))

    async def call_json(self, name: str, arguments: str) -> Answer:
        """Call a function with whatever a model might write."""
        function, heard = self.function(name), list[Progress]()
        around = Surroundings(
            state=self.state,
            files=self.files,
            approve=self._answer,
            listener=lambda done, total, note: heard.append(Progress(done=done, total=total, note=note)),
        )
        output: ToolOutput = await self._stage.call(
            self._registry,
            function.name,
            arguments,
            terms=Terms(retries=function.options.retries),
            occasion=Occasion(run_id="run_test", thread_id="thread_test", assistant="test", call_id="call_test"),
            around=lambda _: around,
        )
        return Answer(text=output.text, ok=output.ok, code=output.code, seconds=output.seconds, progress=tuple(heard))

    async def _answer(self, question: str) -> bool:
        return self.approve

    def _configured(self, unit: Unit) -> Unit:
        """With what the test gives; unless it says which, everything that the code asks for is granted."""
        wanted = [
            *(unit.plugin.permissions if unit.plugin else ()),
            *(p for f in unit.functions for p in f.options.permissions),
        ]
        grants = tuple(wanted if self.grants is None else self.grants)
        done = configure(unit, Configuration(settings=self.settings, grants=grants))
        wrong = [_complaint(one.message, one.path, unit) for one in done.misfits]
        if wrong or done.lacks:
            raise PluginsInvalid([*wrong, *done.lacks])
        return replace(done.unit, secrets=lambda: self.secrets)


def _complaint(message: str, path: Sequence[str | int], unit: Unit) -> Diagnostic:
    return Diagnostic(code="PLG004", message=f"{'.'.join(map(str, path))} of '{unit.name}': {message}")


def _loaded(path: Path) -> Unit:
    name = path.name.removesuffix(".py")
    loaded = load_unit(name, path, path.resolve().parent, timeout=IMPORT_SECONDS)
    if isinstance(loaded, Broken):
        raise PluginsInvalid(loaded.diagnostics)
    return loaded
