"""Renders templates that may be costly in a process of its own, with limits on time and memory.

One process for one folder of templates, started when the first such template comes; it answers one line of JSON with
one line of JSON. For each text it has a second of processor time, or two, and 256 MiB, and is replaced if that is too
little.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from orchestrator.reconcile.rendering import Renderer, TemplateFault, Values

CPU_SECONDS = 1  # at least
MEMORY = 256 * 1024 * 1024  # bytes beyond what the process has at its start
_WALL_SECONDS = 20.0  # on a machine that is busy with other things


class Confined:
    """The door `Apart` of a `Renderer`. To be closed."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._templates = dict(templates)
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, source: str, values: Values) -> str:
        """The rendered text.

        Raises:
            TemplateFault: whatever is wrong with it, or that it takes too much.
        """
        answer = self._ask({"source": source, "values": dict(values)})
        if answer is None:
            raise TemplateFault(
                f"rendering it takes more than {CPU_SECONDS + 1} s or {MEMORY // 1024 // 1024} MiB",
                hint="loops in loops, and filters that pad or repeat, grow quickly",
            )
        fault = answer.get("fault")
        if fault is not None:
            raise TemplateFault(fault["message"], line=fault["line"], file=fault["file"], hint=fault["hint"])
        return str(answer["text"])

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = _start()
            question = {"templates": self._templates, **question}
        assert process.stdin is not None  # noqa: S101 (a pipe, as it was started)
        assert process.stdout is not None  # noqa: S101
        line = ""
        with suppress(OSError):
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            line = _line(process)
        if not line.endswith("\n"):
            self.close()
            return None
        return cast("dict[str, Any]", json.loads(line))


def _line(process: subprocess.Popen[str]) -> str:
    """Its answer; what does not come in time ends with the process."""
    from threading import Timer  # noqa: PLC0415 (for those who need it)

    timer = Timer(_WALL_SECONDS, process.kill)
    timer.start()
    try:
        return process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 (our own interpreter and program)
        [sys.executable, "-I", "-c", _PROGRAM, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={},
    )


_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from orchestrator.confined import serve; serve()"


def serve() -> None:
    """What the process does: a line in, a line out, until nothing comes any more."""
    _bound_memory()
    renderer = Renderer({})
    for line in sys.stdin:
        question: dict[str, Any] = json.loads(line)
        if "templates" in question:
            renderer = Renderer(question["templates"])
        _bound_time()
        sys.stdout.write(json.dumps(_answer(renderer, question)) + "\n")
        sys.stdout.flush()


def _answer(renderer: Renderer, question: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"text": renderer.render(question["source"], question["values"])}
    except TemplateFault as fault:
        told = {"message": fault.message, "line": fault.line, "file": fault.file, "hint": fault.hint}
        return {"fault": told}
    except MemoryError:
        return {"fault": {"message": "it takes too much memory", "line": 1, "file": None, "hint": None}}


def _bound_memory() -> None:
    """Limit the address space to what it is, and some more."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 (not on every system)

        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


def _bound_time() -> None:
    """Let the next text have so many seconds of processor time; the system ends the process then."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415

        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
