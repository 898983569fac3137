"""The counts as Prometheus reads them: built at the moment of reading, from plain numbers, in a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orchestrator.server.telemetry.tally import Spread, Tally
from orchestrator.wire.runs import TERMINAL

_OUTCOMES = ("done", "error", "client")


class Exposition(Collector):
    """What one tally and one process have to tell."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._now: list[Metric] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(
        self, *, ready: bool, load: tuple[int, int], active: Mapping[str, int], sizes: tuple[int, int]
    ) -> tuple[bytes, str]:
        """All of it, and its media type.

        `load`: runs that wait, and that are carried out; `active`: runs that are not over, by status; `sizes`: bytes
        of the database and of its log.
        """
        self._now = [
            _gauge("ready", "Whether the server takes on work.", int(ready)),
            _gauge("runs_waiting", "Runs that wait for a place in the worker.", load[0]),
            _gauge("runs_working", "Runs that the worker carries out.", load[1]),
            _by("runs_active", "Runs that are not over.", "status", active, GaugeMetricFamily),
            _gauge("store_bytes", "Size of the database's file.", sizes[0]),
            _gauge("store_wal_bytes", "Size of the database's write-ahead log.", sizes[1]),
        ]
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def describe(self) -> list[Metric]:
        """Nothing: names are not checked against each other before there are values."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics, for the registry."""
        yield from self._now
        yield from self._requests()
        yield from self._runs()
        yield from self._store()

    def _requests(self) -> Iterator[Metric]:
        tally = self._tally
        build = GaugeMetricFamily("orchestrator_build_info", "The program.", labels=["version"])
        build.add_metric([version("assistant-orchestrator")], 1)
        yield build
        yield _gauge("requests_open", "Requests that are being answered.", tally.open_requests)
        yield _gauge("streams_open", "Answers under way that are streams.", tally.open_streams)
        answers = CounterMetricFamily(
            "orchestrator_requests", "Answers begun.", labels=["dialect", "route", "method", "status"]
        )
        for (dialect, route, method, status), count in list(tally.answers.items()):
            answers.add_metric([dialect, route, method, str(status)], count)
        yield answers
        seconds = HistogramMetricFamily(
            "orchestrator_request_seconds", "Until the answer began.", labels=["dialect", "route", "method"]
        )
        for labels, spread in list(tally.answering.items()):
            seconds.add_metric(labels, *_spread(spread))
        yield seconds

    def _runs(self) -> Iterator[Metric]:
        tally = self._tally
        ended = {status: tally.runs.get(status, 0) for status in sorted(TERMINAL)}
        yield _by("runs_ended", "Runs that came to their end.", "status", ended, CounterMetricFamily)
        yield _histogram("run_seconds", "From a run's creation to its end.", tally.run_seconds)
        tokens = {"prompt": tally.prompt_tokens, "completion": tally.completion_tokens}
        yield _by("tokens", "Tokens that models reported.", "kind", tokens, CounterMetricFamily)
        calls = {outcome: tally.calls.get(outcome, 0) for outcome in _OUTCOMES}
        yield _by("function_calls", "Calls that have their output.", "outcome", calls, CounterMetricFamily)

    def _store(self) -> Iterator[Metric]:
        tally = self._tally
        yield _histogram("store_commit_seconds", "From taking a batch to having it on disk.", tally.commit_seconds)
        yield _histogram("store_batch_units", "Units of work in one commit.", tally.batch_units)
        yield CounterMetricFamily("orchestrator_store_lost_commits", "Commits that failed.", tally.lost_commits)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"orchestrator_{name}", told, value)


def _by(
    name: str,
    told: str,
    label: str,
    values: Mapping[str, int],
    kind: type[CounterMetricFamily] | type[GaugeMetricFamily],
) -> Metric:
    family = kind(f"orchestrator_{name}", told, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _histogram(name: str, told: str, spread: Spread) -> Metric:
    buckets, total = _spread(spread)
    return HistogramMetricFamily(f"orchestrator_{name}", told, buckets, total)


def _spread(spread: Spread) -> tuple[list[tuple[str, float]], float]:
    """Cumulative buckets as the format has them, and the sum."""
    names = [*(str(bound) for bound in spread.bounds), "+Inf"]
    return list(zip(names, map(float, accumulate(list(spread.counts))), strict=True)), spread.total
