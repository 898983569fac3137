"""What an operator does with keys: on the data folder itself, whether a server runs there or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.diagnostics import did_you_mean
from orchestrator.errors import SettingsError
from orchestrator.server.access import pepper
from orchestrator.server.access.secret import Secret, digest, make, read
from orchestrator.server.ids import Clock, system_clock
from orchestrator.server.records import Json, Key
from orchestrator.server.store import keys
from orchestrator.server.store.beside import visit
from orchestrator.server.store.door import Tx
from orchestrator.server.store.sqlite import DATABASE
from orchestrator.wire.workspaces import WORKSPACE

NAME_LENGTH = 100


class Issuer:
    """The keys of a data folder. All verbs raise StoreError; a running server heeds them within a second."""

    def __init__(self, data: Path, clock: Clock = system_clock) -> None:
        self._data = data
        self._clock = clock

    def create(
        self, workspace: str, *, name: str | None = None, seconds: float | None = None, bounds: Json | None = None
    ) -> tuple[Key, Secret]:
        """A new key of a workspace; this is the only time that its secret is told. `seconds`: how long it lives.

        Raises: SettingsError.
        """
        if WORKSPACE.fullmatch(workspace) is None:
            hint = "up to 64 letters, digits, - and _, the first a letter or a digit"
            raise SettingsError(f"'{workspace[:80]}' cannot be the name of a workspace.", hint=hint)
        if name is not None and (len(name) > NAME_LENGTH or not name.isprintable()):
            raise SettingsError("That cannot be the name of a key.", hint=f"up to {NAME_LENGTH} printable characters")
        secret, now = make(), self._clock()
        key = Key(
            id=secret.id,
            workspace=workspace,
            name=name,
            created_at=now,
            expires_at=None if seconds is None else now + round(seconds * 1000),
            digest=digest(self._pepper(), secret.text),
            bounds=bounds or {},
        )
        visit(self._data, lambda tx: keys.insert(tx, key))
        return key, secret

    def every(self) -> list[Key]:
        """All keys, dead ones too, by creation."""
        return visit(self._data, keys.every) if (self._data / DATABASE).exists() else []

    def revoke(self, key_id: str) -> Key:
        """End a key; to repeat it is harmless. Raises: SettingsError when there is no such key."""

        def unit(tx: Tx) -> Key:
            key = _found(tx, key_id)
            keys.revoke(tx, key.id, self._clock())
            return _found(tx, key.id)

        return self._visit(unit)

    def forget(self, key_id: str) -> Key:
        """Take a dead key off the list. Raises: SettingsError when it still lives, or there is no such key."""

        def unit(tx: Tx) -> Key:
            key = _found(tx, key_id)
            if key.lives(self._clock()):
                raise SettingsError(f"The key {key.id} still lives.", hint=f"orchestrator key revoke {key.id}")
            keys.forget(tx, key.id)
            return key

        return self._visit(unit)

    def now(self) -> int:
        """The time by which keys live and die."""
        return self._clock()

    def _pepper(self) -> bytes:
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        return pepper.load_or_make(self._data)

    def _visit(self, unit: Callable[[Tx], Key]) -> Key:
        if not (self._data / DATABASE).exists():
            raise SettingsError(f"There are no keys in {self._data}.", hint="name the server's data folder with --data")
        return visit(self._data, unit)


def _found(tx: Tx, named: str) -> Key:
    """The key with an id; who only has the key itself may give that."""
    secret = read(named)
    key = keys.find(tx, secret.id if secret else named)
    if key is None:
        hint = did_you_mean(named, [one.id for one in keys.every(tx)]) or "orchestrator key list"
        raise SettingsError(f"There is no key with the id '{named[:16]}'.", hint=hint)
    return key
