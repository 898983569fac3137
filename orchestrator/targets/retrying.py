"""Try again what may be tried again: exponential back-off with full jitter, never sooner than the target asks."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from orchestrator.errors import SlowDown, TargetError

ATTEMPTS = 6
FIRST_PAUSE = 0.5  # seconds, the bound of the first pause; it doubles
LONGEST_PAUSE = 30.0
LONGEST_ASKED = 120.0  # seconds of a Retry-After that are honoured

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]
_log = logging.getLogger(__name__)

Random = Callable[[], float]


def temporary(error: TargetError) -> bool:
    """It may go better next time: for requests that can be carried out twice."""
    return error.temporary


def not_carried_out(error: TargetError) -> bool:
    """It may go better next time, and surely nothing happened this time: for requests that must not be doubled."""
    return error.temporary and (not error.sent or isinstance(error, SlowDown))


async def retry(
    operation: Callable[[], Awaitable[T]],
    *,
    sleep: Sleep = anyio.sleep,
    random: Random = random.random,
    attempts: int = ATTEMPTS,
    again: Callable[[TargetError], bool] = temporary,
) -> T:
    """Carry out `operation`, again after an error for which `again` holds, at most `attempts` times in all.

    Args:
        operation: Makes one request.
        sleep: Waits some seconds.
        random: A number from 0 to 1 each time.
        attempts: At most so many requests.
        again: Whether an error allows another attempt.

    Raises:
        TargetError: the last one.
    """
    for failed in range(1, attempts):
        try:
            return await operation()
        except TargetError as error:
            if not again(error):
                raise
            pause = _pause(failed, error.retry_after, random)
            _log.warning("%s Trying again in %.1f s (%d of %d).", error.message, pause, failed, attempts - 1)
        await sleep(pause)
    return await operation()


def asked_pause(retry_after: float | None) -> float:
    """The seconds of a Retry-After that are honoured."""
    return min(retry_after or 0.0, LONGEST_ASKED)


def _pause(failed: int, retry_after: float | None, random: Random) -> float:
    bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failed - 1))
    return max(asked_pause(retry_after), random() * bound)
