"""Every error this product raises on purpose, on one screen.

OrchestratorError
├─ ManifestsInvalid   MAN   files are wrong; carries all Diagnostics
├─ PluginsInvalid     PLG   plug-in files are wrong; carries all Diagnostics
├─ UnsafePlan         PLN   a guard refuses; nothing was written; StalePlan PLN002, AgainstPolicy PLN003
├─ TargetError        API   the Assistant API did not do it
│  ├─ Unreachable     API001   ├─ RefusedKey   API002   ├─ NotFound     API003   ├─ Rejected        API004
│  ├─ SlowDown        API005   ├─ TheirFault   API006   └─ CannotUnderstand      API007
├─ RunError           RUN   a run did not end well
├─ StoreError         STO   the server's database; FolderInUse STO002, DiskFull STO003, Damaged STO004
├─ JournalError       JRN   the journal of applies; JournalFull JRN002, Locked JRN003
├─ OutOfReach         NET001  a plug-in wants to go where it may not; TooMuch NET002
└─ SettingsError      SET   options and environment

The docstring of a class is its default text and ends with the remedy. A code never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from orchestrator.diagnostics import Diagnostic


class OrchestratorError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "ORC000"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        text = (self.__doc__ or "").strip().splitlines()[0]
        remedy = text.partition(": ")[2].rstrip(".") or None
        self.message = message or text
        self.hint = hint or (remedy if message else None)
        super().__init__(self.message)


class _Complaints(OrchestratorError):
    """A list of complaints."""

    def __init__(self, diagnostics: Sequence[Diagnostic], message: str | None = None) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(message or "\n".join(str(d) for d in self.diagnostics))


class ManifestsInvalid(_Complaints):
    """The manifests are not valid: correct the places that are named."""

    code = "MAN000"


class PluginsInvalid(_Complaints):
    """The plug-ins could not be loaded: correct the places that are named."""

    code = "PLG000"


class UnsafePlan(OrchestratorError):
    """The plan would do more harm than was agreed to; nothing was written."""

    code = "PLN001"
    exit_code = 4


class StalePlan(OrchestratorError):
    """What was planned is no longer what stands at the target: plan again."""

    code = "PLN002"
    exit_code = 7


class AgainstPolicy(UnsafePlan):
    """A rule of the environment's policy refuses the plan: correct what is named, or waive it with a reason."""

    code = "PLN003"


class TargetError(OrchestratorError):
    """The Assistant API did not carry out a request.

    `temporary` alone decides whether the request may be tried again; `sent` tells whether the server
    may have carried it out although no answer came.
    """

    code = "API000"
    temporary: bool = False

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        status: int | None = None,
        vendor_code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.vendor_code = vendor_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.sent = sent


class Unreachable(TargetError):
    """The target cannot be reached: check the address and that the server runs."""

    code = "API001"
    temporary = True


class RefusedKey(TargetError):
    """The target refused the key: check apiKey and workspace of the environment."""

    code = "API002"


class NotFound(TargetError):
    """The object does not exist at the target, or was deleted."""

    code = "API003"


class Rejected(TargetError):
    """The target rejected the request; its own message says why."""

    code = "API004"


class SlowDown(TargetError):
    """The target asks to slow down: lower requests.perSecond of the environment, or wait."""

    code = "API005"
    temporary = True


class TheirFault(TargetError):
    """The target failed inside: try again later."""

    code = "API006"
    temporary = True


class CannotUnderstand(TargetError):
    """The target's answer makes no sense: check that baseUrl names an Assistant API."""

    code = "API007"


class RunError(OrchestratorError):
    """The run did not end with an answer."""

    code = "RUN001"


class StoreError(OrchestratorError):
    """The server's database cannot be used."""

    code = "STO001"


class FolderInUse(StoreError):
    """Another process has the data folder."""

    code = "STO002"


class DiskFull(StoreError):
    """The disk is full: make room in the data folder."""

    code = "STO003"


class Damaged(StoreError):
    """The database is damaged: restore a backup, or save what can be read with orchestrator doctor --salvage DIR."""

    code = "STO004"


class JournalError(OrchestratorError):
    """The journal cannot be used: move journal.db away, which loses history and nothing else."""

    code = "JRN001"


class JournalFull(JournalError):
    """The disk is full: make room in the data folder and apply again."""

    code = "JRN002"


class Locked(JournalError):
    """Somebody else applies here: wait, or look at orchestrator lock list."""

    code = "JRN003"
    exit_code = 6


class OutOfReach(OrchestratorError):
    """The address may not be reached: grant it in the manifest of the plug-in."""

    code = "NET001"


class TooMuch(OrchestratorError):
    """The answer takes too long or is too large: ask for less."""

    code = "NET002"


class SettingsError(OrchestratorError):
    """An option or environment variable is missing or wrong."""

    code = "SET001"
    exit_code = 64
