"""Callables of every shape, each with what its schema must say, a call that fits, and calls that do not."""

# ruff: noqa: PLR0917, UP007, UP042, UP045, DTZ001, E501

import enum
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Optional, TypeVar, Union
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints
from typing_extensions import Doc, TypeAliasType, TypedDict

T = TypeVar("T")


class Unit(str, enum.Enum):
    celsius = "celsius"
    fahrenheit = "fahrenheit"


class Level(enum.IntEnum):
    low = 1
    high = 2


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    zip_code: str = "0000"


class Person(BaseModel):
    name: str
    address: Address


@dataclass
class Point:
    x: float
    y: float = 0.0


@dataclass
class Line:
    start: Point
    end: Point


class Options(TypedDict):
    limit: int
    order: NotRequired[str]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Node(BaseModel):
    value: int
    children: list["Node"] = []


class Box(BaseModel, Generic[T]):
    content: T


UserId = NewType("UserId", int)
Json = TypeAliasType("Json", dict[str, int])
UNSET = object()


@dataclass
class Case:
    name: str
    callable: Callable[..., Any]
    arguments: str
    result: Any
    facts: dict[str, Any] = field(default_factory=dict)  # path into the schema → value
    wrong: list[str] = field(default_factory=list)


CASES: list[Case] = []


def case(name: str, arguments: str, result: Any, facts: dict[str, Any] | None = None, wrong: tuple[str, ...] = ()):
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(Case(name, function, arguments, result, facts or {}, list(wrong)))
        return function

    return add


P = "properties."


@case(
    "primitives with defaults",
    '{"a": 1, "b": "x"}',
    (1, "x", 2.5, True),
    {
        P + "a.type": "integer",
        P + "c.type": "number",
        P + "c.default": 2.5,
        P + "d.type": "boolean",
        "required": ["a", "b"],
    },
    ('{"a": "no", "b": "x"}', '{"b": "x"}', '{"a": 1, "b": "x", "e": 0}', '{"a": 1, "b": 2}'),
)
def primitives(a: int, b: str, c: float = 2.5, d: bool = True):
    return a, b, c, d


@case(
    "Annotated with Field",
    '{"n": 3}',
    3,
    {P + "n.minimum": 1, P + "n.maximum": 3, P + "n.description": "How many."},
    ('{"n": 4}',),
)
def annotated_field(n: Annotated[int, Field(ge=1, le=3, description="How many.")]):
    return n


@case("Annotated with a bare string", '{"city": "Oslo"}', "Oslo", {P + "city.description": "A city."})
def annotated_string(city: Annotated[str, "A city."]):
    return city


@case("Annotated with Doc", '{"city": "Oslo"}', "Oslo", {P + "city.description": "A city."})
def annotated_doc(city: Annotated[str, Doc("A city.")]):
    return city


@case("Field as default", "{}", 2, {P + "n.default": 2, P + "n.description": "Count."}, ('{"n": 0}',))
def field_default(n: int = Field(2, ge=1, description="Count.")):
    return n


@case("Literal", '{"mode": "fast"}', "fast", {P + "mode.enum": ["fast", "slow"]}, ('{"mode": "medium"}',))
def literal(mode: Literal["fast", "slow"]):
    return mode


@case(
    "string enum gives the member",
    '{"unit": "celsius"}',
    Unit.celsius,
    {"$defs.Unit.enum": ["celsius", "fahrenheit"]},
    ('{"unit": "kelvin"}',),
)
def string_enum(unit: Unit):
    assert isinstance(unit, Unit)
    return unit


@case("enum with a default", "{}", Unit.celsius, {P + "unit.default": "celsius"})
def enum_default(unit: Unit = Unit.celsius):
    return unit


@case("integer enum", '{"level": 2}', Level.high, {"$defs.Level.enum": [1, 2]}, ('{"level": 3}',))
def int_enum(level: Level):
    assert isinstance(level, Level)
    return level


@case(
    "Optional", '{"a": null}', (None, None), {P + "a.anyOf": [{"type": "integer"}, {"type": "null"}]}, ('{"a": "x"}',)
)
def optional(a: Optional[int], b: str | None = None):
    return a, b


@case("union", '{"x": "seven"}', "seven", {P + "x.anyOf": [{"type": "integer"}, {"type": "string"}]}, ('{"x": []}',))
def union(x: int | str):
    return x


@case(
    "one model stays nested",
    '{"person": {"name": "Ada", "address": {"street": "Main"}}}',
    Person(name="Ada", address=Address(street="Main")),
    {P + "person.$ref": "#/$defs/Person", "$defs.Address.description": "Where somebody lives."},
    ('{"person": {"name": "Ada"}}', '{"name": "Ada"}'),
)
def one_model(person: Person):
    return person


@case("two models", '{"a": {"street": "x"}, "b": {"street": "y"}}', ("x", "y"), {"required": ["a", "b"]})
def two_models(a: Address, b: Address):
    return a.street, b.street


@case(
    "nested dataclass",
    '{"line": {"start": {"x": 1}, "end": {"x": 2, "y": 3}}}',
    Line(Point(1.0), Point(2.0, 3.0)),
    {"$defs.Line.required": ["start", "end"]},
    ('{"line": {"start": {}}}',),
)
def nested_dataclass(line: Line):
    return line


@case(
    "TypedDict with NotRequired",
    '{"options": {"limit": 3}}',
    {"limit": 3},
    {"$defs.Options.required": ["limit"]},
    ('{"options": {}}',),
)
def typed_dict(options: Options):
    return options


@case(
    "collections",
    '{"a": [1], "b": {"k": 2}, "c": [1, "x"], "d": [1, 1]}',
    ([1], {"k": 2}, (1, "x"), {1}),
    {P + "a.items.type": "integer", P + "b.additionalProperties.type": "integer", P + "d.uniqueItems": True},
    ('{"a": ["x"], "b": {}, "c": [1, "x"], "d": []}', '{"a": [], "b": {}, "c": [1], "d": []}'),
)
def collections(a: list[int], b: dict[str, int], c: tuple[int, str], d: set[int]):
    return a, b, c, d


@case(
    "types with a text form",
    '{"a": "2026-01-02", "b": "2026-01-02T03:04:05", "c": "12345678123456781234567812345678", "d": "1.10", "e": "/tmp", "f": "PT5S"}',
    (
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4, 5),
        UUID("12345678123456781234567812345678"),
        Decimal("1.10"),
        Path("/tmp"),
        timedelta(seconds=5),
    ),
    {P + "a.format": "date", P + "b.format": "date-time", P + "c.format": "uuid", P + "f.format": "duration"},
    ('{"a": "yesterday", "b": "2026-01-02T03:04:05", "c": "1", "d": "x", "e": "", "f": ""}',),
)
def text_forms(a: date, b: datetime, c: UUID, d: Decimal, e: Path, f: timedelta):
    return a, b, c, d, e, f


@case(
    "discriminated union",
    '{"pet": {"kind": "dog", "tricks": []}}',
    Dog(kind="dog", tricks=[]),
    {P + "pet.discriminator.propertyName": "kind"},
    ('{"pet": {"kind": "cat", "tricks": []}}',),
)
def discriminated(pet: Annotated[Cat | Dog, Field(discriminator="kind")]):
    return pet


@case("keyword-only", '{"a": 1, "b": 2}', (1, 2), {"required": ["a", "b"]}, ("[1, 2]",))
def keyword_only(*, a: int, b: int):
    return a, b


@case("positional-only", '{"b": 2, "a": 1}', (1, 2), {"required": ["a"]}, ("[1]", '{"b": 1}'))
def positional_only(a: int, /, b: int = 5):
    return a, b


@case(
    "*args are an optional list",
    '{"first": 1, "rest": ["2", 3]}',
    (1, (2, 3)),
    {P + "rest.type": "array", "required": ["first"]},
    ('{"first": 1, "rest": "x"}',),
)
def var_positional(first: int, *rest: int):
    return first, rest


@case("*args left out", '{"first": 1}', (1, ()), {P + "rest.items.type": "integer"})
def var_positional_left_out(first: int, *rest: int):
    return first, rest


@case("*args after a default", '{"rest": [9]}', (4, (9,), 0), {"required": None})
def var_positional_default(first: int = 4, *rest: int, last: int = 0):
    return first, rest, last


@case(
    "**kwargs are open",
    '{"a": 1, "x": "2"}',
    (1, {"x": 2}),
    {"additionalProperties.type": "integer"},
    ('{"a": 1, "x": "y"}',),
)
def var_keyword(a: int, **more: int):
    return a, more


@case(
    "everything at once",
    '{"a": 1, "b": 2, "c": [3], "d": 4, "e": 5}',
    (1, 2, (3,), 4, {"e": 5}),
    {"required": ["a", "b", "d"]},
)
def everything(a: int, /, b: int, *c: int, d: int, **rest: Any):
    return a, b, c, d, rest


@case("positional-only and the same key in **kwargs", '{"a": 1}', (1, {}), {"required": ["a"]})
def same_key(a: int, /, **rest: int):
    return a, rest


@case("default_factory", "{}", [], {"required": None}, ('{"items": 3}',))
def factory(items: Annotated[list[int], Field(default_factory=list)]):
    return items


@case(
    "reserved names",
    '{"schema": 1, "copy": 2, "json": 3, "model_config": 4}',
    (1, 2, 3, 4),
    {"required": ["schema", "copy", "json", "model_config"]},
)
def reserved(schema: int, copy: int, json: int, model_config: int):
    return schema, copy, json, model_config


@case(
    "names of Python's own",
    '{"self": 1, "cls": 2, "values": 3, "function": 4}',
    (1, 2, 3, 4),
    {P + "self.type": "integer"},
)
def own_names(self: int, cls: int, values: int, function: int):
    return self, cls, values, function


@case("leading underscore", '{"_x": 1}', 1, {P + "_x.type": "integer"})
def underscore(_x: int):
    return _x


@case(
    "alias",
    '{"cityName": "Oslo"}',
    "Oslo",
    {P + "cityName.type": "string", "required": ["cityName"]},
    ('{"city": "Oslo"}',),
)
def alias(city: Annotated[str, Field(alias="cityName")]):
    return city


@case("untyped", '{"a": [1]}', ([1], 2), {P + "a": {}, P + "b.default": 2})
def untyped(a, b=2):
    return a, b


@case(
    "parameters called title",
    '{"title": "x", "book": {"title": "y"}}',
    ("x", {"title": "y"}),
    {P + "title.type": "string"},
)
def titles(title: str, book: dict[str, str]):
    return title, book


class Counter:
    """A counter."""

    def __init__(self) -> None:
        self.count = 10

    def add(self, n: int) -> int:
        """Add to the count."""
        return self.count + n

    def __call__(self, n: int) -> int:
        """Count."""
        return self.count + n

    @classmethod
    def zero(cls, n: int = 0) -> int:
        return n

    @staticmethod
    def one(n: int = 1) -> int:
        return n


case("bound method", '{"n": 1}', 11, {"required": ["n"]}, ('{"self": 1, "n": 1}',))(Counter().add)
case("callable object", '{"n": 1}', 11, {"required": ["n"]}, ('{"n": "x"}',))(Counter())
case("class method", "{}", 0, {P + "n.default": 0})(Counter.zero)
case("static method", "{}", 1, {P + "n.default": 1})(Counter.one)
case("partial by position", '{"b": "x"}', (7, "x", 2.5, True), {"required": ["b"]}, ('{"a": 1, "b": "x"}',))(
    functools.partial(primitives, 7)
)
case("partial by keyword", '{"a": 1}', (1, "k", 2.5, True), {P + "b.default": "k"})(
    functools.partial(primitives, b="k")
)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@case("functools.wraps", '{"n": "3"}', 3, {P + "n.type": "integer"}, ('{"n": []}',))
@logged
def wrapped(n: int):
    return n


@case(
    "recursive model",
    '{"node": {"value": 1, "children": [{"value": 2}]}}',
    Node(value=1, children=[Node(value=2)]),
    {"$defs.Node.properties.children.items.$ref": "#/$defs/Node"},
    ('{"node": {"value": 1, "children": [{}]}}',),
)
def recursive(node: Node):
    return node


@case(
    "NewType and alias",
    '{"user": 3, "data": {"a": 1}}',
    (3, {"a": 1}),
    {P + "user.type": "integer"},
    ('{"user": "x", "data": {}}',),
)
def new_type(user: UserId, data: Json):
    return user, data


@case(
    "generic model",
    '{"box": {"content": 3}}',
    Box[int](content=3),
    {"$defs.Box_int_.required": ["content"]},
    ('{"box": {"content": "x"}}',),
)
def generic(box: Box[int]):
    return box


@case(
    "implicit None",
    '{"a": null}',
    None,
    {P + "a.default": None, P + "a.anyOf": [{"type": "integer"}, {"type": "null"}]},
)
def implicit_none(a: int = None):  # noqa: RUF013
    return a


@case("default without JSON form", "{}", True, {P + "a": {}})
def odd_default(a: Any = UNSET):
    return a is UNSET


@case("no arguments, empty text", "", "done", {"properties": {}, "additionalProperties": False}, ('{"a": 1}', "[]"))
def nothing():
    return "done"


@case("nullable Literal", '{"a": null}', None, {"required": ["a"]}, ('{"a": "z"}',))
def nullable_literal(a: Literal["x", "y"] | None):
    return a


@case("constrained text", '{"code": "AB"}', "AB", {P + "code.pattern": "^[A-Z]{2}$"}, ('{"code": "ab"}',))
def constrained(code: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]):
    return code


@case(
    "constrained list",
    '{"tags": ["a"]}',
    ["a"],
    {P + "tags.maxItems": 2, P + "tags.minItems": 1},
    ('{"tags": []}', '{"tags": ["a", "b", "c"]}'),
)
def constrained_list(tags: Annotated[list[str], Field(min_length=1, max_length=2)]):
    return tags


@case(
    "annotations as text",
    '{"a": 1, "b": {"value": 1}}',
    (1, Node(value=1)),
    {P + "a.type": "integer"},
    ('{"a": "x", "b": {"value": 1}}',),
)
def textual(a: "int", b: "Node"):
    return a, b


@case("coroutine function", '{"a": 1}', 2, {"required": ["a"]}, ('{"a": "x"}',))
async def coroutine(a: int):
    return a + 1


@case("union of models", '{"x": {"street": "a"}}', Address(street="a"), {"required": ["x"]}, ('{"x": {}}',))
def model_union(x: Union[Address, Point]):
    return x
