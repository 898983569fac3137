"""What the server should know, kept in memory: lists in the order of creation, tombstones, and a busy thread's run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

MARK = "[offline model] "
RESTS = ("completed", "failed", "cancelled", "requires_action")


@dataclass
class Thing:
    """Whatever has an id and can be deleted."""

    id: str
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    deleted: bool = False


@dataclass
class Conversation(Thing):
    """A thread with its messages and its runs."""

    messages: list[Thing] = field(default_factory=list[Thing])
    runs: list[Thing] = field(default_factory=list[Thing])

    @property
    def busy(self) -> Thing | None:
        """The run that keeps it busy; in this memory only one that waits for outputs does."""
        return next((run for run in self.runs if run.fields["status"] == "requires_action"), None)


def there(things: Sequence[Thing]) -> list[Thing]:
    """What was not deleted."""
    return [thing for thing in things if not thing.deleted]


@dataclass(frozen=True)
class Face:
    """One dialect as an application sees it: its base, how it names workspaces, ids and what is not there."""

    base: str
    header: str
    gone: int
    message: str  # how ids of messages begin

    def ask(self, http: httpx2.Client, workspace: str, method: str, path: str, **more: Any) -> httpx2.Response:
        """A request in a workspace."""
        return http.request(method, self.base + path, headers={self.header: workspace}, **more)

    def id(self, thing: str) -> str:
        """An id as this dialect spells it."""
        kind, _, rest = thing.partition("_")
        return f"{self.message}_{rest}" if kind == "message" else thing


def common(thing: str) -> str:
    """An id as both dialects could spell it."""
    kind, _, rest = thing.partition("_")
    return f"message_{rest}" if kind == "msg" else thing


FACES = (
    Face("/api/v1", "X-DashScope-WorkSpace", 400, "message"),
    Face("/v1", "OpenAI-Project", 404, "msg"),
)


def page(things: Sequence[Thing], *, descending: bool, limit: int, after: int | None, before: int | None) -> Any:
    """Ids of one page of a list and whether there is more; cursors are places among all things ever made."""
    places = list(range(len(things)))[:: -1 if descending else 1]
    start = 0 if after is None else places.index(after) + 1
    end = len(places) if before is None else places.index(before)
    found = [things[place].id for place in places[start:end] if not things[place].deleted]
    shown = found[-limit:] if before is not None and after is None else found[:limit]
    return shown, len(found) > limit
