"""A callable → its JSON Schema, and JSON text → a call of it with typed values.

The trick: a *binder*, a tiny function that gives back the arguments it got, bears the callable's signature with all
parameters turned into keyword parameters, and pydantic validates calls of the binder. So a model can only name
parameters, `*args` is an optional list, and one validator goes from JSON text to Python values.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from orchestrator.functions import docstrings
from orchestrator.functions.callables import called, declared, without_partial
from orchestrator.functions.context import Context
from orchestrator.functions.parameters import CannotExpress, keyword_parameters, takes_context, type_hints
from orchestrator.functions.schema import NoTitles, tidy

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_Call = tuple[tuple[Any, ...], dict[str, Any]]


class Validator(Protocol):
    """The part of `pydantic.TypeAdapter` that is needed at run time."""

    def validate_json(self, data: str, /) -> Any: ...


class _Here:
    """Stands where the context goes among positional arguments."""


_HERE = _Here()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What the model is told of a function, and the way from its answer to a call.

    `contexts`: names of the parameters that take the context of the call; the model is told nothing of them.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    schema_hash: str
    is_async: bool
    validator: Validator
    contexts: tuple[str, ...] = ()

    def bind(self, arguments: str, context: Context | None = None) -> _Call:
        """The positional and keyword arguments that the JSON text holds; empty text is an empty object.

        `context` goes to the parameters that ask for one; without it they get an empty one.

        Raises:
            pydantic.ValidationError: the text is not JSON, or the values do not fit.
        """
        call = self.validator.validate_json(arguments if arguments and not arguments.isspace() else "{}")
        return _with_context(call, context or Context()) if self.contexts else call


def signature_of(function: Callable[..., Any], *, name: str | None = None, description: str | None = None) -> Signature:
    """Read a callable.

    Raises:
        CannotExpress: something cannot be told to a model; `parameter` says which one, if it is one.
    """
    name = name or _name_of(function)
    if not _NAME.fullmatch(name):
        raise CannotExpress(f"{name!r} cannot be the name of a tool: 1 to 64 letters, digits, '_' or '-'")
    _refuse_generators(function)
    docs = docstrings.read(_docstring_of(function))
    parameters = _parameters_of(function)
    hints = type_hints(function)
    contexts = tuple(p.name for p in parameters if takes_context(p, hints))
    told = [p for p in parameters if p.name not in contexts]
    keywords = keyword_parameters(told, hints, docs.parameters)
    adapter = _adapter(_binder(parameters, contexts), keywords, function)
    schema = _schema(adapter, keywords)
    text = docs.text if description is None else inspect.cleandoc(description)
    return Signature(
        name=name,
        description=text,
        parameters=schema,
        schema_hash=schema_hash(name, text, schema),
        is_async=is_async(function),
        validator=adapter,
        contexts=contexts,
    )


def schema_hash(name: str, description: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256 of all that a model is told of a function, as canonical JSON."""
    told = {"name": name, "description": description, "parameters": parameters}
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call gives a coroutine, as far as the declaration tells."""
    return declared(function, inspect.iscoroutinefunction)


def _refuse_generators(function: Callable[..., Any]) -> None:
    if declared(function, inspect.isgeneratorfunction) or declared(function, inspect.isasyncgenfunction):
        raise CannotExpress("a generator cannot be a tool: return all values at once, as a list")
    if inspect.isclass(function):
        raise CannotExpress("a class cannot be a tool: mark a function, or a method of an instance")


def _name_of(function: Callable[..., Any]) -> str:
    target = without_partial(function)
    return str(getattr(target, "__name__", None) or type(target).__name__)


def _docstring_of(function: Callable[..., Any]) -> str | None:
    """The docstring of a function; of an object, that of its `__call__` before that of its class."""
    return inspect.getdoc(called(function)) or inspect.getdoc(without_partial(function))


def _parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError) as error:
        raise CannotExpress(f"its signature cannot be read: {error}") from error


def _with_context(call: _Call, context: Context) -> _Call:
    args, kwargs = call
    placed = tuple(context if value is _HERE else value for value in args)
    return placed, {name: context if value is _HERE else value for name, value in kwargs.items()}


def _binder(parameters: list[inspect.Parameter], contexts: tuple[str, ...]) -> Callable[..., _Call]:
    """A function that sorts validated values into positional and keyword arguments, as the callable takes them."""
    kinds = {p.name: p.kind for p in parameters}
    star = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    by_position = [
        p.name
        for p in parameters
        if p.kind is p.POSITIONAL_ONLY or (star is not None and p.kind is p.POSITIONAL_OR_KEYWORD)
    ]
    if not by_position and star is None and not contexts:
        return _only_keywords
    here = dict.fromkeys(contexts, _HERE)

    def bind(**values: Any) -> _Call:
        values |= here  # a name that `**kwargs` let in is not the context
        rest: list[Any] = values.pop(star, []) if star is not None and star in kinds else []
        return (*(values.pop(name) for name in by_position), *rest), values

    return bind


def _only_keywords(**values: Any) -> _Call:
    return (), values


def _adapter(
    binder: Callable[..., _Call], keywords: list[inspect.Parameter], function: Callable[..., Any]
) -> TypeAdapter[Any]:
    """A validator of the binder's calls; a failure is blamed on the parameter that causes it."""

    def bearer(**values: Any) -> _Call:
        return binder(**values)

    bearer.__module__ = getattr(function, "__module__", None) or __name__
    bearer.__annotations__ = {p.name: p.annotation for p in keywords}
    vars(bearer)["__signature__"] = inspect.Signature(keywords)
    try:
        return TypeAdapter[Any](cast("Any", bearer))
    except (PydanticUserError, SchemaError, TypeError, NameError, RecursionError) as error:
        raise _blamed(error, keywords) from error


def _schema(adapter: TypeAdapter[Any], keywords: list[inspect.Parameter]) -> dict[str, Any]:
    try:
        schema = tidy(adapter.json_schema(schema_generator=NoTitles))
    except (PydanticUserError, TypeError, ValueError, RecursionError) as error:
        raise _blamed(error, keywords) from error
    named = [p for p in keywords if p.kind is not p.VAR_KEYWORD]
    properties = schema.get("properties", {})
    if len(properties) != len(named):
        raise CannotExpress("two parameters share a name, or one is hidden: each must have a name of its own")
    if len(named) != len(keywords) and set(properties) != {p.name for p in named}:
        raise CannotExpress("an alias beside **kwargs is ambiguous: drop one of them")
    return schema


def _blamed(error: Exception, keywords: list[inspect.Parameter]) -> CannotExpress:
    for parameter in keywords:
        try:
            alone: TypeAdapter[Any] = TypeAdapter(parameter.annotation)
            alone.json_schema(schema_generator=NoTitles)
        except Exception as own:  # noqa: BLE001 (types are foreign code; whatever they raise is the reason)
            return CannotExpress(_reason(own), parameter=parameter.name)
    return CannotExpress(_reason(error))


def _reason(error: Exception) -> str:
    first = str(error).strip().splitlines()
    return first[0] if first else type(error).__name__
