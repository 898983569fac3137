"""The parameters of a callable, rewritten as keyword parameters with resolved types and descriptions."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Optional, Union

from pydantic import Field
from pydantic.fields import FieldInfo
from typing_extensions import Doc, TypeAliasType, Unpack

from orchestrator.functions.callables import behind
from orchestrator.functions.context import Context

_EMPTY = inspect.Parameter.empty


class CannotExpress(Exception):
    """A signature that cannot be told to a model. `parameter`: the one to blame, if it is one."""

    def __init__(self, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


def type_hints(function: Any) -> dict[str, Any]:
    """The evaluated annotations of whatever code stands behind a callable.

    Raises:
        CannotExpress: an annotation names something that does not exist when the plug-in runs.
    """
    target = behind(function)
    hints: dict[str, Any] = {}
    for name, annotation in dict(getattr(target, "__annotations__", {})).items():
        if name != "return":
            hints[name] = _evaluated(target, name, annotation)
    return hints


def _evaluated(target: Any, name: str, annotation: Any) -> Any:
    def one() -> None: ...

    one.__annotations__ = {name: annotation}
    space: dict[str, Any] = getattr(target, "__globals__", {})
    try:
        return typing.get_type_hints(one, space, include_extras=True)[name]
    except Exception as error:
        hint = " (is it imported under TYPE_CHECKING only?)" if isinstance(error, NameError) else ""
        raise CannotExpress(f"its type cannot be resolved: {error}{hint}", parameter=name) from error


def takes_context(p: inspect.Parameter, hints: Mapping[str, Any]) -> bool:
    """Whether a parameter is for the context of the call: `Context`, `Context | None`, or either in `Annotated`.

    Raises:
        CannotExpress: a context among other types, or as many of them as there are.
    """
    kinds = _contexts_in(_annotation(p, hints))
    if not kinds:
        return False
    if kinds != {"alone"} or p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD}:
        raise CannotExpress("the context stands alone: write Context, or Context | None", parameter=p.name)
    return True


def _contexts_in(annotation: Any) -> set[str]:
    """`alone` for a context by itself, `among` for one beside or inside of other types."""
    if inspect.isclass(annotation) and typing.get_origin(annotation) is None:
        return {"alone"} if issubclass(annotation, Context) else set()
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _contexts_in(inner[0])
    found: set[str] = set()
    for one in inner if origin is not typing.Literal else ():
        found |= _contexts_in(one)
    optional = origin in {Union, UnionType} and set(inner) - {NoneType} == {next(iter(set(inner) - {NoneType}), None)}
    return found if not found or optional else {"among"}


def keyword_parameters(
    parameters: list[inspect.Parameter], hints: Mapping[str, Any], descriptions: Mapping[str, str]
) -> list[inspect.Parameter]:
    """The same parameters by keyword only; `*args` is an optional list, `**kwargs` stays and comes last."""
    return [_keyword(p, hints, descriptions.get(p.name)) for p in parameters]


def _keyword(p: inspect.Parameter, hints: Mapping[str, Any], description: str | None) -> inspect.Parameter:
    annotation = _annotation(p, hints)
    if p.kind is p.VAR_KEYWORD:
        if typing.get_origin(annotation) is Unpack:
            raise CannotExpress("**kwargs with Unpack: write its keys as keyword parameters", parameter=p.name)
        return p.replace(annotation=annotation)
    default = p.default
    if p.kind is p.VAR_POSITIONAL:
        if typing.get_origin(annotation) is Unpack:
            raise CannotExpress("*args with Unpack: take a list or a tuple", parameter=p.name)
        annotation, default = list[annotation], Field(default_factory=list)
    if default is None and not _allows_none(annotation):
        annotation = Optional[annotation]  # noqa: UP045 (a value, not an annotation)
    return p.replace(kind=p.KEYWORD_ONLY, annotation=_described(annotation, default, description), default=default)


def _annotation(p: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    if p.name in hints:
        return hints[p.name]
    return Any if p.annotation is _EMPTY else p.annotation


def _described(annotation: Any, default: Any, docstring: str | None) -> Any:
    """Give the annotation a description, from `Field`, a string in `Annotated`, or the docstring, in this order."""
    marks = typing.get_args(annotation)[1:] if typing.get_origin(annotation) is Annotated else ()
    fields = [m for m in (*marks, default) if isinstance(m, FieldInfo)]
    if any(f.description for f in fields):
        return annotation
    texts = [m if isinstance(m, str) else m.documentation for m in marks if isinstance(m, str | Doc)]
    text = inspect.cleandoc(texts[0]) if texts else docstring
    return Annotated[annotation, Field(description=text)] if text else annotation


def _allows_none(annotation: Any) -> bool:
    if annotation in {Any, None, NoneType, object} if _hashable(annotation) else False:
        return True
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _allows_none(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return None in typing.get_args(annotation)
    if isinstance(annotation, TypeAliasType):
        return _allows_none(annotation.__value__)
    return origin in {Union, UnionType} and any(_allows_none(a) for a in typing.get_args(annotation))


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
