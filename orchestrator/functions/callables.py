"""What stands behind a callable: the function below partials, bound methods, callable objects and wrappers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, cast


def without_partial(function: Any) -> Any:
    """The callable that a partial, or a partial of a partial, completes."""
    while isinstance(function, partial):
        function = cast("partial[Any]", function).func
    return function


def called(function: Any) -> Any:
    """The function or method that a call runs first: of an object, its `__call__`."""
    target = without_partial(function)
    return target if inspect.isroutine(target) or hasattr(target, "__wrapped__") else target.__call__


def behind(function: Any) -> Any:
    """The function whose annotations and code are meant, below all wrappers that `functools.wraps` made."""
    target = called(function)
    return inspect.unwrap(getattr(target, "__func__", target))


def declared(function: Callable[..., Any], test: Callable[[Any], bool]) -> bool:
    """Whether a test of `inspect` holds for the callable or for its `__call__`."""
    return test(without_partial(function)) or test(called(function))
