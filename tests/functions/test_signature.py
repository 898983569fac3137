"""Signatures of every shape: the schema, the values a function gets, and what is refused before it is called."""

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError
from typing_extensions import TypedDict, Unpack

from orchestrator.errors import PluginsInvalid
from orchestrator.functions import Function, function_of, invoke
from orchestrator.functions.parameters import CannotExpress
from orchestrator.functions.signature import signature_of

from .signatures import CASES, Case, Counter, primitives

BY_NAME = pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])


def look_up(schema: Any, path: str) -> Any:
    for part in path.split("."):
        schema = schema.get(part) if isinstance(schema, dict) else None
    return schema


@BY_NAME
def test_the_schema_says_what_the_signature_says(case: Case):
    schema = signature_of(case.callable).parameters
    assert schema["type"] == "object"
    assert {path: look_up(schema, path) for path in case.facts} == case.facts


@BY_NAME
def test_the_function_receives_typed_values(case: Case):
    args, kwargs = signature_of(case.callable).bind(case.arguments)
    result = case.callable(*args, **kwargs)
    result = asyncio.run(result) if inspect.isawaitable(result) else result
    assert result == case.result
    assert type(result) is type(case.result)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("case", "arguments"), [pytest.param(c, a, id=f"{c.name}: {a}") for c in CASES for a in c.wrong]
)
async def test_what_does_not_fit_is_refused_before_the_call(case: Case, arguments: str):
    output = await invoke(function_of(case.callable, unit="demo"), arguments)
    assert output.code == ("bad_json" if arguments.startswith("[") else "bad_arguments")


@BY_NAME
def test_every_parameter_is_in_the_schema(case: Case):
    named = [p for p in inspect.signature(case.callable).parameters.values() if p.kind is not p.VAR_KEYWORD]
    assert len(signature_of(case.callable).parameters["properties"]) == len(named)


@BY_NAME
def test_there_are_no_titles_and_the_hash_is_stable(case: Case):
    first, second = signature_of(case.callable), signature_of(case.callable)
    text = json.dumps(first.parameters)
    assert '"title": "' not in text
    assert first.schema_hash == second.schema_hash
    assert len(first.schema_hash) == 64


def test_the_battery_is_large_enough():
    assert len(CASES) >= 40


def test_the_hash_changes_with_all_that_a_model_is_told():
    def one(a: int): ...

    hashes = {
        signature_of(one).schema_hash,
        signature_of(one, name="two").schema_hash,
        signature_of(one, description="x").schema_hash,
        signature_of(primitives, name="one").schema_hash,
    }
    assert len(hashes) == 4


def test_an_explicit_title_stays():
    def f(a: Annotated[int, Field(title="The A")]): ...

    assert signature_of(f).parameters["properties"]["a"]["title"] == "The A"


def google(city: str, days: int = 1):
    """Daily temperatures.

    More words.

    Args:
        city: City name,
            without country.
        days (int): How many days.

    Returns:
        A table.
    """


def numpy(city: str, days: int = 1):
    """Daily temperatures.

    More words.

    Parameters
    ----------
    city : str
        City name,
        without country.
    days : int
        How many days.

    Returns
    -------
    list
        A table.
    """


def sphinx(city: str, days: int = 1):
    """Daily temperatures.

    More words.

    :param city: City name,
        without country.
    :param int days: How many days.
    :returns: A table.
    """


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_docstrings_of_three_styles_say_the_same(function: Callable[..., Any]):
    signature = signature_of(function)
    assert signature.description == "Daily temperatures.\n\nMore words."
    properties = signature.parameters["properties"]
    assert properties["city"]["description"] == "City name, without country."
    assert properties["days"]["description"] == "How many days."


def test_a_plain_docstring_is_the_description():
    def f():
        """Say hello: to anyone.

        Twice.
        """

    assert signature_of(f).description == "Say hello: to anyone.\n\nTwice."


def test_a_note_is_not_lost():
    def f(a: int):
        """Pay.

        Warning:
            It costs money.

        Args:
            a: Amount.
        """

    description = signature_of(f).description
    assert "Pay." in description
    assert "It costs money." in description


def test_field_wins_over_a_string_and_a_string_over_the_docstring():
    def f(a: Annotated[int, "text", Field(description="field")], b: Annotated[int, "text"], c: int):
        """F.

        Args:
            a: doc
            b: doc
            c: doc
        """

    properties = signature_of(f).parameters["properties"]
    assert [properties[n]["description"] for n in "abc"] == ["field", "text", "doc"]


def test_star_parameters_are_documented_too():
    def f(*names: str):
        """F.

        Args:
            *names: Who.
        """

    assert signature_of(f).parameters["properties"]["names"]["description"] == "Who."


@pytest.mark.parametrize(
    "doc",
    [None, "", "   ", "Args:", "Args:\n", ":param", ":param x:", "Parameters\n---", "Args:\n  x\n y: (", "\ud800"],
)
def test_broken_docstrings_do_no_harm(doc: str | None, caplog: pytest.LogCaptureFixture):
    def f(x: int): ...

    f.__doc__ = doc
    assert signature_of(f).parameters["required"] == ["x"]
    assert caplog.records == []


def test_a_docstring_without_sections_does_not_import_griffe():
    code = (
        "import sys\nfrom orchestrator.functions.signature import signature_of\n"
        "def f(a: int):\n    'Do it.'\n"
        "signature_of(f); print('griffe' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_names_and_descriptions_come_from_the_callable():
    assert signature_of(Counter().add).name == "add"
    assert signature_of(Counter().add).description == "Add to the count."
    assert signature_of(Counter()).name == "Counter"
    assert signature_of(Counter()).description == "Count."


class Opaque:
    pass


def typed_dict_kwargs() -> Callable[..., Any]:
    class Keys(TypedDict):
        a: int

    def f(**more: Unpack[Keys]): ...

    return f


def not_a_type(x: Opaque): ...
def a_callable(x: Callable[[], int]): ...
def unresolved(x: "Missing"): ...  # noqa: F821
def nested_opaque(ok: int, x: list[Opaque]): ...
def opaque_args(*x: Opaque): ...
def opaque_kwargs(**x: Opaque): ...


@pytest.mark.parametrize("function", [not_a_type, a_callable, unresolved, nested_opaque, opaque_args, opaque_kwargs])
def test_what_cannot_be_expressed_is_refused_with_the_place_of_the_parameter(function: Callable[..., Any]):
    with pytest.raises(PluginsInvalid) as caught:
        function_of(function, unit="demo")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "PLG003"
    assert "parameter 'x'" in diagnostic.message
    assert diagnostic.span is not None
    assert diagnostic.quote is not None
    assert diagnostic.span.file == __file__
    assert diagnostic.quote[diagnostic.span.column - 1 :].startswith("x")


def shared_alias(a: Annotated[int, Field(alias="x")], b: Annotated[int, Field(alias="x")]): ...
def alias_and_kwargs(a: Annotated[int, Field(alias="x")], **rest: int): ...
def generator() -> Iterator[int]:
    yield 1


async def async_generator():
    yield 1


@pytest.mark.parametrize(
    "function",
    [shared_alias, alias_and_kwargs, generator, async_generator, Opaque, typed_dict_kwargs(), lambda: 1, max],
)
def test_other_shapes_without_a_form_are_refused(function: Callable[..., Any]):
    with pytest.raises(CannotExpress):
        signature_of(function)


def test_an_array_is_never_taken_as_positional_arguments():
    with pytest.raises(ValidationError):
        signature_of(primitives).bind('[1, "x"]')


def test_the_place_is_the_name_in_the_def():
    function: Function = function_of(google, unit="demo")
    lines = inspect.getsource(sys.modules[__name__]).splitlines()
    place = function.place
    assert place.file == __file__
    assert lines[place.line - 1][place.column - 1 : (place.end_column or 0) - 1] == "google"
