"""Whether a manifest's schema fits a function's signature."""

import enum
from collections.abc import Callable
from typing import Any, Literal

import pytest

from orchestrator.functions import function_of, misfits

from .signatures import CASES, Case, Person


class Unit(enum.StrEnum):
    c = "c"
    f = "f"


def forecast(
    city: str,
    *,
    days: int = 1,
    ratio: float = 0.5,
    unit: Unit = Unit.c,
    mode: Literal["a", "b"] = "a",
    either: int | str = 1,
    maybe: int | None = None,
    person: Person | None = None,
    anything: Any = None,
): ...


def open_(city: str, **more: Any): ...


def check(
    properties: dict[str, Any],
    *,
    required: list[str] | None = None,
    function: Callable[..., Any] = forecast,
    **more: Any,
) -> list[str]:
    schema = {
        "type": "object",
        "properties": properties,
        "required": ["city"] if required is None else required,
        **more,
    }
    return misfits(schema, function_of(function, unit="demo"))


CITY = {"city": {"type": "string"}}


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_a_functions_own_schema_fits(case: Case):
    function = function_of(case.callable, unit="demo")
    assert misfits(function.parameters, function) == []


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"days": {"type": "integer"}},
        {"days": {}},
        {"days": {"description": "any"}},
        {"ratio": {"type": "integer"}},
        {"ratio": {"type": "number"}},
        {"unit": {"type": "string", "enum": ["c"]}},
        {"unit": {"type": "string"}},
        {"mode": {"const": "a"}},
        {"either": {"type": "string"}},
        {"either": {"type": ["integer", "null"]}},
        {"maybe": {"type": ["integer", "null"]}},
        {"maybe": {"type": "integer"}},
        {"days": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
        {"days": {"oneOf": [{"$ref": "https://example.test/x"}]}},
        {"days": {"$ref": "#/$defs/unknown"}},
        {"person": {"type": "object"}},
        {"anything": {"type": "array"}},
    ],
)
def test_what_fits_or_cannot_be_decided(properties: dict[str, Any]):
    assert check({**CITY, **properties}) == []


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"days": {"type": "string"}}, "parameter 'days' is string in the schema, but the function takes integer"),
        ({"days": {"type": "number"}}, "parameter 'days' is number in the schema, but the function takes integer"),
        (
            {"days": {"type": ["string", "null"]}},
            "parameter 'days' is null or string in the schema, but the function takes integer",
        ),
        (
            {"either": {"type": "array"}},
            "parameter 'either' is array in the schema, but the function takes integer or string",
        ),
        ({"person": {"type": "string"}}, None),
        ({"unit": {"type": "integer"}}, "parameter 'unit' is integer in the schema, but the function takes string"),
        (
            {"unit": {"enum": ["c", "k"]}},
            'parameter \'unit\' may be "k" in the schema, but the function takes "c" or "f"',
        ),
        ({"mode": {"const": "z"}}, 'parameter \'mode\' may be "z" in the schema, but the function takes "a" or "b"'),
        ({"towns": {"type": "string"}}, None),
    ],
)
def test_contradictions_are_sentences_that_name_the_parameter(properties: dict[str, Any], sentence: str | None):
    found = check({**CITY, **properties})
    if sentence is None:
        assert found == [] or found[0].startswith(
            "parameter 'towns' is not taken by the function (it takes: city, days"
        )
    else:
        assert found == [sentence]


def test_references_of_the_manifest_are_followed():
    assert len(check({**CITY, "days": {"$ref": "#/$defs/D"}}, **{"$defs": {"D": {"type": "string"}}})) == 1


def test_what_the_function_requires_must_be_offered_and_required():
    assert check({}, required=[]) == ["parameter 'city' is required by the function but missing from the schema"]
    assert check(CITY, required=[]) == ["parameter 'city' is required by the function but not by the schema"]
    assert misfits({}, function_of(forecast, unit="demo")) != []


def test_open_functions_take_anything_by_name():
    assert check({**CITY, "other": {"type": "string"}}, function=open_) == []


@pytest.mark.parametrize("schema", [{"type": "array"}, {"type": ["object", "null"]}, {"type": "string"}])
def test_a_schema_that_is_no_object(schema: dict[str, Any]):
    (sentence,) = misfits(schema, function_of(forecast, unit="demo"))
    assert sentence.startswith("the schema must be of type object")


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": None, "required": None},
        {"required": "city"},
        {"properties": {"city": True}, "required": ["city"]},
        {"properties": {"city": {"type": []}}},
    ],
)
def test_odd_schemas_do_not_raise(schema: dict[str, Any]):
    assert isinstance(misfits(schema, function_of(forecast, unit="demo")), list)
