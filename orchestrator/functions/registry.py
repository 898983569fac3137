"""The functions that assistants may call, by name: an immutable snapshot that a run may hold on to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

from orchestrator.diagnostics import Diagnostic, Span, in_order
from orchestrator.errors import PluginsInvalid
from orchestrator.functions.decorator import Approval, Declaration, Isolation, Options, Plugin
from orchestrator.functions.parameters import CannotExpress
from orchestrator.functions.places import Place, parameter_place, place_of
from orchestrator.functions.signature import Signature, signature_of

_FORMS = "use types that have a JSON form, e.g. str, int, list[str], a Literal, an Enum or a pydantic model"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Function:
    """One callable by name. `name` = plug-in unit + '.' + tool; `options`: what its mark says; `place`: its `def`.

    `home` keeps the generation of code alive to which the callable belongs.
    """

    name: str
    tool: str
    description: str
    parameters: Mapping[str, Any]
    options: Options
    is_async: bool
    place: Span
    schema_hash: str
    callable: Callable[..., Any]
    signature: Signature = field(repr=False)
    home: object = field(default=None, repr=False)
    quote: str | None = field(default=None, repr=False)

    @property
    def timeout(self) -> float | None:
        """Seconds a call may take, if the author says so."""
        return self.options.timeout

    @property
    def idempotent(self) -> bool:
        """Whether a call that was lost may be made again."""
        return self.options.idempotent or self.options.read_only


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unit:
    """One entry of the plug-in folder as it was loaded: its functions, and digests of all files they came from.

    `plugin`: what its file says of itself as a whole. `settings`, `grants` and `secrets`: what a manifest gave it.
    """

    name: str
    plugin: Plugin | None = None
    settings: Any = field(default=None, repr=False)
    grants: tuple[str, ...] = ()
    secrets: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)
    functions: tuple[Function, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registry:
    """All functions at one moment. `version` grows by one with every change."""

    functions: Mapping[str, Function] = field(default_factory=lambda: MappingProxyType({}))
    units: Mapping[str, Unit] = field(default_factory=lambda: MappingProxyType({}))
    version: int = 0

    @classmethod
    def of(cls, units: Iterable[Unit], *, version: int = 1) -> Registry:
        """Put units together.

        Raises:
            PluginsInvalid: two functions bear one name; both places are named.
        """
        units = tuple(units)
        functions = [function for unit in units for function in unit.functions]
        clashes = doubled(functions)
        if clashes:
            raise PluginsInvalid(clashes)
        return cls(
            functions=MappingProxyType({f.name: f for f in sorted(functions, key=lambda f: f.name)}),
            units=MappingProxyType({u.name: u for u in units}),
            version=version,
        )

    def find(self, name: str) -> Function | None:
        """The function of that name, or None."""
        return self.functions.get(name)

    def unit_of(self, function: Function) -> Unit | None:
        """The unit that holds a function."""
        return self.units.get(function.name.rpartition(".")[0])

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(self.functions)


def doubled(functions: Iterable[Function]) -> tuple[Diagnostic, ...]:
    """PLG002 for every function whose name an earlier one bears already."""
    seen: dict[str, Function] = {}
    complaints: list[Diagnostic] = []
    for function in functions:
        first = seen.setdefault(function.name, function)
        if first is not function:
            message = f"the function '{function.name}' is declared twice: {first.place} and {function.place}"
            complaints.append(
                Diagnostic(
                    code="PLG002",
                    message=message,
                    span=function.place,
                    quote=function.quote,
                    hint="give one of them another name: @tool(name=…)",
                )
            )
    return in_order(complaints)


def function_of(declared: Declaration | Callable[..., Any], *, unit: str, home: object = None) -> Function:
    """Make a function of the registry out of a callable, marked or not.

    Raises:
        PluginsInvalid: PLG003, its signature cannot be told to a model; the place of the parameter is named.
    """
    d = declared if isinstance(declared, Declaration) else Declaration(callable=declared)
    options = d.options
    try:
        signature = signature_of(d.callable, name=options.name, description=options.description)
        _check(options, signature)
    except CannotExpress as error:
        raise PluginsInvalid([_refusal(d, error)]) from error
    place = place_of(d.callable)
    return Function(
        name=f"{unit}.{signature.name}",
        tool=signature.name,
        description=signature.description,
        parameters=signature.parameters,
        options=options,
        is_async=signature.is_async,
        place=place.span,
        schema_hash=signature.schema_hash,
        callable=d.callable,
        signature=signature,
        home=home,
        quote=place.quote,
    )


def _check(options: Options, signature: Signature) -> None:
    """Refuse a mark that cannot be kept."""
    if options.timeout is not None and not options.timeout > 0:
        raise CannotExpress(f"timeout must be more than 0 seconds, not {options.timeout}")
    for name, least in (("retries", 0), ("concurrency", 1), ("max_result", 1)):
        value = getattr(options, name)
        if value is not None and not (isinstance(value, int) and value >= least):
            raise CannotExpress(f"{name} must be a whole number from {least}, not {value!r}")
    for name, known in (("approval", get_args(Approval)), ("isolate", get_args(Isolation))):
        value = getattr(options, name)
        if value is not None and value not in known:
            raise CannotExpress(f"{name} must be one of {', '.join(known)}, not {value!r}")
    if options.isolate == "process":
        raise CannotExpress("isolate='process' is not supported yet")
    if signature.is_async and options.isolate == "thread":
        raise CannotExpress("a coroutine function runs on the event loop: leave isolate out, or use 'process'")


def _refusal(d: Declaration, error: CannotExpress) -> Diagnostic:
    place: Place = parameter_place(d.callable, error.parameter) if error.parameter else place_of(d.callable)
    subject = f"parameter '{error.parameter}'" if error.parameter else "this function"
    return Diagnostic(
        code="PLG003",
        message=f"{subject} cannot be offered to a model: {error}",
        span=place.span,
        quote=place.quote,
        hint=_FORMS if error.parameter else None,
    )
