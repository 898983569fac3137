"""Where a plug-in may go: origins, exactly or by pattern. Pure.

An origin is written `host`, `host:port`, `https://host:port` or `http://host:port`; the default is https and its port.
`*.example.com` stands for all names below, `*` for every public host. A host that is not public needs the word
`private` before it, so that nobody opens the inner network by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Scheme, host in lower case without a final dot, port. `private`: addresses of inner networks are allowed, too."""

    scheme: str
    host: str
    port: int
    private: bool = False

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Read what stands in a permission.

        Raises:
            ValueError: it is no origin; the message says what is wrong.
        """
        word, _, rest = text.strip().rpartition(" ")
        if word.strip() not in ("", "private"):
            raise ValueError(f"'{text}' is not an origin: write host, host:port or https://host:port")
        parts = urlsplit(rest if "://" in rest else f"https://{rest}")
        if parts.scheme not in _PORTS:
            raise ValueError(f"'{text}' is not http or https")
        if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"'{text}' is more than an origin: leave out path, query and user")
        host = normal(parts.hostname or "")
        if not host or not (_HOST.fullmatch(host) or ":" in host):
            raise ValueError(f"'{text}' has no host that could be reached")
        return cls(scheme=parts.scheme, host=host, port=parts.port or _PORTS[parts.scheme], private=bool(word))

    def covers(self, scheme: str, host: str, port: int) -> bool:
        """Whether a request there is meant."""
        if (scheme, port) != (self.scheme, self.port):
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return self.host in ("*", host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'private ' if self.private else ''}{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reach:
    """All origins that may be reached; none by default."""

    origins: tuple[Origin, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Reach:
        """Read several.

        Raises:
            ValueError: one of them is no origin.
        """
        return cls(tuple(Origin.parse(text) for text in texts))

    def find(self, scheme: str, host: str, port: int | None) -> Origin | None:
        """The origin that allows a request, one that allows private addresses before others; None: none does."""
        where = (scheme, normal(host), port or _PORTS.get(scheme, 0))
        found = [one for one in self.origins if one.covers(*where)]
        return next((one for one in found if one.private), found[0] if found else None)


def normal(host: str) -> str:
    """A host as it is compared: lower case, no final dot."""
    return host.lower().removesuffix(".")
