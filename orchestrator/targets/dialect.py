"""What one Assistant API may say differently from another. A dialect has no hands: it reads and writes JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from orchestrator.errors import CannotUnderstand, NotFound, Rejected, TargetError
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.fitting import Abilities
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import Stamp
from orchestrator.transport import Answer

SAMPLING = ("temperature", "top_p", "top_k", "max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list; `more` whether the API says that others follow."""

    items: tuple[Observed, ...]
    more: bool


class Dialect(Protocol):
    """One way of speaking. Law, tested for each: `decode(encode(body, stamp))` gives the body and the stamp back,
    for every body that is within its abilities; of another one `encode` refuses to write a part.
    """

    @property
    def name(self) -> str:
        """As `target.dialect` of an Environment names it."""
        ...

    @property
    def assistants(self) -> str:
        """Path of the assistants, below the base address."""
        ...

    @property
    def threads(self) -> str:
        """Path of the threads, below the base address."""
        ...

    @property
    def abilities(self) -> Abilities:
        """What of a manifest can be said in it."""
        ...

    @property
    def null_clears(self) -> bool:
        """Whether null takes a field back to nothing, and an empty list empties; else they may be passed over."""
        ...

    def headers(self, *, key: str | None, workspace: str | None) -> dict[str, str]:
        """Headers of every request."""
        ...

    def encode(self, body: Body, stamp: Stamp | None) -> dict[str, Any]:
        """The JSON that creates or updates an assistant, without a mark if there is no stamp; may hold secrets.

        Raises:
            Rejected: the stamp does not fit into the metadata, or the body holds what this dialect has no word for.
        """
        ...

    def decode(self, wire: object) -> Observed:
        """Read an assistant.

        Raises:
            CannotUnderstand: it is none.
        """
        ...

    def query(self, after: str | None) -> dict[str, str]:
        """Ask for a page of the list, oldest first, from behind the assistant `after`."""
        ...

    def page(self, wire: object) -> Page:
        """Read a page of the list.

        Raises:
            CannotUnderstand: it is none.
        """
        ...

    def failure(self, answer: Answer) -> TargetError:
        """The error that an answer with another status than 2xx means."""
        ...


def item(path: str, *parts: str) -> str:
    """The path of an object below another; ids are escaped.

    Raises:
        NotFound: a part can be no id, the path would lead elsewhere.
    """
    for part in parts:
        if not part.strip("."):
            raise NotFound(f"'{part}' is not an id.", sent=False)
    return "/".join((path, *(quote(part, safe="") for part in parts)))


def as_object(value: object, what: str) -> Mapping[str, Any]:
    """The value as a JSON object.

    Raises:
        CannotUnderstand: it is none.
    """
    if not isinstance(value, dict):
        raise CannotUnderstand(f"The target's answer is not {what}: it is no JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType]


def check_cleared(body: Body, observed: Observed) -> None:
    """A null means "as it was" to the API, so that a number once set stays.

    Raises:
        Rejected: the body says null where the target still has a number.
    """
    kept = [name for name in SAMPLING if name in body and body[name] is None and name in observed.body]
    if kept:
        hint = "give a number, or delete the assistant and apply again"
        raise Rejected(f"The target cannot take {', '.join(kept)} back to its default.", hint=hint)
