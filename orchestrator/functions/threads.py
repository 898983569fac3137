"""Threads for functions that block: reused, as many as are needed, and never in the way of the process's end.

Why not `anyio.to_thread`: its threads are no daemons (anyio 4.16), so that one function that hangs for ever keeps the
process from ending. How many calls run at a time is the caller's business.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

_IDLE_SECONDS = 10.0

Report = Callable[[], object]
Job = Callable[[], Report]


class Threads:
    """A pool without an upper bound. A job gives back its report, which is called once the thread is free again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Job]] = []

    def start(self, job: Job) -> None:
        """Run the job in an idle thread, else in a new one. Jobs must not raise."""
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        jobs: SimpleQueue[Job] = SimpleQueue() if idle is None else idle
        if idle is None:
            threading.Thread(target=self._serve, args=(jobs,), name="plug-in function", daemon=True).start()
        jobs.put(job)

    def _serve(self, jobs: SimpleQueue[Job]) -> None:
        while True:
            try:
                job = jobs.get(timeout=_IDLE_SECONDS)
            except Empty:
                if self._retired(jobs):
                    return
                continue
            report = job()
            with self._lock:
                self._idle.append(jobs)
            report()
            del job, report

    def _retired(self, jobs: SimpleQueue[Job]) -> bool:
        """Whether the thread may end; not if a job was promised to it in this moment."""
        with self._lock:
            if jobs in self._idle:
                self._idle.remove(jobs)
                return True
        return False


THREADS = Threads()
