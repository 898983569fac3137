"""OpenAPI documents as functions: what a model is told, what is sent, what comes back, and what is refused."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.functions import Registry
from orchestrator.functions.openapi.document import DocumentFault, read
from orchestrator.functions.openapi.operations import Operation, Skipped, ids, operations
from orchestrator.functions.openapi.requests import ArgumentFault, request
from orchestrator.functions.openapi.unit import Credential, Offer, unit_of
from orchestrator.functions.performing import Stage, Terms
from tests.transport.canary import canary, said

JSON = "application/json"


def document(paths: Mapping[str, Any], version: str = "3.1.0", **more: Any) -> bytes:
    return json.dumps({"openapi": version, "info": {"title": "t", "version": "1"}, "paths": paths, **more}).encode()


def one(
    given: Mapping[str, Any], *, path: str = "/x", method: str = "get", version: str = "3.1.0", **more: Any
) -> Operation:
    found = list(operations(read(document({path: {method: {"responses": {}, **given}}}, version, **more))))
    assert isinstance(found[0], Operation), found
    return found[0]


def parameter(name: str, where: str, schema: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "schema": schema or {"type": "string"},
        **({"required": True} if where == "path" else {}),
        **more,
    }


def body(schema: Any, media: str = JSON, *, required: bool = True) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {media: {"schema": schema}}}}


# ---- what the model is told


def test_parameters_and_an_object_body_become_arguments_side_by_side():
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    }
    found = one(
        {"operationId": "putPet", "summary": "Change a pet.", "parameters": [parameter("id", "path")], **body(schema)},
        path="/pets/{id}",
        method="put",
    )
    assert (found.tool, found.description, found.method) == ("putPet", "Change a pet.", "PUT")
    assert list(found.parameters["properties"]) == ["id", "name", "age"]
    assert found.parameters["required"] == ["id", "name"]
    sent = request(found, {"id": "a/b", "name": "Rex"})
    assert (sent.target, sent.content, sent.headers["content-type"]) == ("/pets/a%2Fb", b'{"name":"Rex"}', JSON)


def test_names_that_clash_say_where_they_go():
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    found = one(
        {"parameters": [parameter("id", "path"), parameter("id", "query")], **body(schema)},
        path="/x/{id}",
        method="post",
    )
    assert set(found.parameters["properties"]) == {"id__path", "id__query", "id__body"}
    sent = request(found, {"id__path": "a", "id__query": "b", "id__body": 3})
    assert (sent.target, sent.content) == ("/x/a?id=b", b'{"id":3}')


def test_a_body_that_is_no_plain_object_is_one_argument():
    for schema in (
        {"type": "array", "items": {"type": "integer"}},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    ):
        found = one(body(schema), method="post")
        assert found.parameters["properties"] == {"body": schema}
    assert request(found, {"body": 3}).content == b"3"


def test_an_optional_body_with_obligatory_parts_stays_whole():
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
    found = one(body(schema, required=False), method="post")
    assert ("required" in found.parameters, list(found.parameters["properties"])) == (False, ["body"])
    assert request(found, {}).content is None


def test_recursive_schemas_stay_finite_and_work():
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/Node"}, "value": {"type": "integer"}},
    }
    found = one(body({"$ref": "#/components/schemas/Node"}), method="post", components={"schemas": {"Node": node}})
    assert found.parameters["properties"]["next"] == {"$ref": "#/$defs/Node"}
    assert found.parameters["$defs"]["Node"]["properties"]["next"] == {"$ref": "#/$defs/Node"}


def test_what_version_3_0_says_in_its_own_way():
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "nullable": True, "enum": ["x"]},
            "b": {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
            "c": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/C"}]},
            "d": {"type": "string", "readOnly": True},
            "example": {"type": "string", "example": "dropped"},
        },
        "required": ["d", "a"],
    }
    found = one(body(schema), method="post", version="3.0.3", components={"schemas": {"C": {"type": "integer"}}})
    assert found.parameters["properties"] == {
        "a": {"type": ["string", "null"], "enum": ["x", None]},
        "b": {"type": "integer", "exclusiveMinimum": 1},
        "c": {"anyOf": [{"allOf": [{"$ref": "#/$defs/C"}]}, {"type": "null"}]},
        "example": {"type": "string"},
    }
    assert found.parameters["required"] == ["a"]


def test_credentials_are_not_for_the_model():
    keys = {
        "k": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "c": {"type": "apiKey", "in": "cookie", "name": "sid"},
    }
    names = [
        ("x-key", "header"),
        ("sid", "cookie"),
        ("Authorization", "header"),
        ("Accept", "header"),
        ("X-Trace", "header"),
    ]
    found = one({"parameters": [parameter(*n) for n in names]}, components={"securitySchemes": keys})
    assert list(found.parameters["properties"]) == ["X-Trace"]


def test_parameters_of_the_path_are_shared_and_overridden():
    paths = {
        "/x/{id}": {
            "parameters": [parameter("id", "path", {"type": "string"}), parameter("q", "query")],
            "get": {"responses": {}, "parameters": [parameter("id", "path", {"type": "integer"})]},
        }
    }
    (found,) = operations(read(document(paths)))
    assert isinstance(found, Operation)
    assert found.parameters["properties"] == {"id": {"type": "integer"}, "q": {"type": "string"}}


def test_an_operation_without_an_id_is_called_by_method_and_path():
    found = one({}, path="/pets/{id}/toys")
    assert (found.id, found.tool) == ("get_/pets/{id}/toys", "get_pets_id_toys")


def test_names_fit_a_model_and_stay_apart():
    long = "a" * 90
    paths = {
        f"/{n}": {"get": {"operationId": name, "responses": {}}}
        for n, name in enumerate([long, long + "b", "a b", "a.b", "日本"])
    }
    found = [o.tool for o in operations(read(document(paths))) if isinstance(o, Operation)]
    assert all(1 <= len(name) <= 64 and name.isascii() for name in found)
    assert len(set(found)) == 5


# ---- what is sent

OBJECT, LIST = {"R": 100, "G": 200}, ["blue", "black"]
STYLES = [  # the table of the specification
    ("path", "simple", False, "blue", "blue"),
    ("path", "simple", False, LIST, "blue,black"),
    ("path", "simple", False, OBJECT, "R,100,G,200"),
    ("path", "simple", True, LIST, "blue,black"),
    ("path", "simple", True, OBJECT, "R=100,G=200"),
    ("path", "label", False, "blue", ".blue"),
    ("path", "label", True, LIST, ".blue.black"),
    ("path", "label", False, LIST, ".blue,black"),
    ("path", "label", True, OBJECT, ".R=100.G=200"),
    ("path", "matrix", False, "blue", ";color=blue"),
    ("path", "matrix", False, LIST, ";color=blue,black"),
    ("path", "matrix", True, LIST, ";color=blue;color=black"),
    ("path", "matrix", False, OBJECT, ";color=R,100,G,200"),
    ("path", "matrix", True, OBJECT, ";R=100;G=200"),
    ("query", "form", True, "blue", "color=blue"),
    ("query", "form", True, LIST, "color=blue&color=black"),
    ("query", "form", False, LIST, "color=blue,black"),
    ("query", "form", True, OBJECT, "R=100&G=200"),
    ("query", "form", False, OBJECT, "color=R,100,G,200"),
    ("query", "spaceDelimited", False, LIST, "color=blue%20black"),
    ("query", "pipeDelimited", False, LIST, "color=blue|black"),
    ("query", "deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200"),
    ("header", "simple", False, OBJECT, "R,100,G,200"),
    ("header", "simple", True, OBJECT, "R=100,G=200"),
    ("header", "simple", False, LIST, "blue,black"),
]


@pytest.mark.parametrize(("where", "style", "explode", "value", "expected"), STYLES)
def test_styles_are_those_of_the_specification(where: str, style: str, explode: bool, value: Any, expected: str):
    found = one(
        {"parameters": [parameter("color", where, {}, style=style, explode=explode)]},
        path="/{color}" if where == "path" else "/",
    )
    sent = request(found, {"color": value})
    got = {"path": sent.target[1:], "query": sent.target.partition("?")[2], "header": sent.headers.get("color")}
    assert got[where] == expected


@pytest.mark.parametrize("value", ["", ".", "..", "%2e%2e/../x"])
def test_a_value_cannot_lead_to_another_path(value: str):
    found = one({"parameters": [parameter("id", "path")]}, path="/pets/{id}/toys")
    if value.startswith("%"):
        assert request(found, {"id": value}).target == "/pets/%252e%252e%2F..%2Fx/toys"
        return
    with pytest.raises(ArgumentFault, match="must not be empty or consist of dots"):
        request(found, {"id": value})


@given(st.text(min_size=1), st.lists(st.text(), max_size=4))
def test_whatever_is_sent_arrives(text: str, parts: list[str]):
    found = one(
        {"parameters": [parameter("id", "path"), parameter("q", "query", {"type": "array"}), parameter("s", "query")]},
        path="/a/{id}/b",
    )
    try:
        target = urlsplit(request(found, {"id": text, "q": parts, "s": text}).target)
    except (ArgumentFault, UnicodeEncodeError):
        return
    assert target.path.count("/") == 3
    assert parse_qsl(target.query, keep_blank_values=True) == [*(("q", p) for p in parts), ("s", text)]


def test_a_header_takes_one_line_of_ascii():
    found = one({"parameters": [parameter("h", "header")]})
    for value in ("a\r\nx: y", "ü"):
        with pytest.raises(ArgumentFault, match="plain ASCII"):
            request(found, {"h": value})


def test_forms_are_encoded():
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array"}}}
    found = one(body(schema, "application/x-www-form-urlencoded"), method="post")
    assert request(found, {"a": "x&y", "b": [1, 2]}).content == b"a=x%26y&b=1&b=2"
    sent = request(one(body(schema, "multipart/form-data"), method="post"), {"a": "part-0 x"})
    assert sent.headers["content-type"] == "multipart/form-data; boundary=part-1"
    assert sent.content == b'--part-1\r\ncontent-disposition: form-data; name="a"\r\n\r\npart-0 x\r\n--part-1--\r\n'


def test_a_body_of_a_kind_that_cannot_be_sent_leaves_the_operation_out():
    (found,) = operations(read(document({"/x": {"post": {"responses": {}, **body({}, "application/xml")}}})))
    assert isinstance(found, Skipped)
    assert "application/xml" in found.reason


# ---- what is refused


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "not an object"),
        (b"[1]", "not an object"),
        (b"{", "not valid JSON"),
        (b"a: [", "not valid YAML"),
        (b"a: &x [1]\nb: *x", "YAML aliases"),
        (b"[" * 100, "nested too deeply"),
        (b'{"swagger": "2.0"}', "version 2.0; OpenAPI 3.0 and 3.1 can be read"),
        (b'{"openapi": "3.1.0"}', "no valid OpenAPI document: info"),
        (
            b"openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {/x: {get: 3}}",
            "no valid OpenAPI document: paths./x.get",
        ),
    ],
)
def test_a_document_that_is_none_is_told(text: bytes, told: str):
    with pytest.raises(DocumentFault, match=told):
        read(text)


def test_dates_in_yaml_stay_text():
    text = b"openapi: 3.1.0\ninfo: {title: t, version: 2024-01-02}\npaths: {}"
    assert read(text).raw["info"]["version"] == "2024-01-02"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("#/components/schemas/None", "leads nowhere"),
        ("http://127.0.0.1:1/x", "leads out of the document"),
        ("other.yaml#/x", "leads out"),
    ],
)
def test_references_stay_in_the_document(reference: str, told: str):
    (found,) = operations(read(document({"/x": {"post": {"responses": {}, **body({"$ref": reference})}}})))
    assert isinstance(found, Skipped)
    assert told in found.reason


@pytest.mark.parametrize(
    ("offer", "told"),
    [
        ({"base_url": None}, "names no base address"),
        ({"base_url": "https://u:p@a.example"}, "must not have a query, a fragment or a user"),
        ({"include": ("op_1x",)}, "there is no operation 'op_1x'; did you mean 'op_1'"),
        ({}, r"has 41 operations; name the ones to offer: include: \[op_0, …\]"),
    ],
)
def test_an_offer_that_cannot_be_kept_is_told(offer: dict[str, Any], told: str):
    paths = {f"/{n}": {"get": {"operationId": f"op_{n}", "responses": {}}} for n in range(41)}
    found = read(document(paths))
    assert len(ids(found)) == 41
    with pytest.raises(DocumentFault, match=told):
        unit_of(found, Offer(name="x", **({"base_url": "https://a.example"} | offer)))


# ---- a live service

PETS = {
    "/pets/{id}": {
        "get": {
            "operationId": "getPet",
            "summary": "One pet.",
            "responses": {},
            "parameters": [parameter("id", "path", {"type": "integer"})],
        },
        "delete": {
            "operationId": "deletePet",
            "responses": {},
            "parameters": [parameter("id", "path", {"type": "integer"})],
        },
    },
    "/pets": {
        "post": {
            "operationId": "addPet",
            "responses": {},
            **body({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
        }
    },
}


def registry(port: int, **more: Any) -> Registry:
    offer = Offer(name="pets", base_url=f"http://127.0.0.1:{port}/v1", **{"private": True, **more})
    return Registry.of([unit_of(read(document(PETS)), offer).unit])


@pytest.mark.anyio
async def test_a_live_service_is_called():
    async with canary() as bird:
        bird.answers |= {"/v1/pets/7": said(200, b'{"name": "Rex"}', f"content-type: {JSON}"), "/v1/pets": said(201)}
        stage, secret = Stage(), Credential(kind="bearer", find=lambda: "t-1")
        functions = registry(bird.port, credential=secret)
        assert [
            (f.tool, f.options.approval, f.options.read_only, f.idempotent) for f in functions.functions.values()
        ] == [("addPet", "ask", False, False), ("deletePet", "ask", False, True), ("getPet", "auto", True, True)]
        assert (await stage.call(functions, "pets.getPet", '{"id": 7}')).text == '{"name": "Rex"}'
        assert (await stage.call(functions, "pets.addPet", '{"name": "Bello"}')).text == "done (HTTP 201)"
        assert "authorization: bearer t-1" in bird.requests[0].lower()
        assert bird.requests[1].endswith('{"name":"Bello"}')
        wrong = await stage.call(functions, "pets.getPet", '{"id": "x", "more": 1}')
        assert (wrong.code, len(bird.requests)) == ("bad_arguments", 2)
        assert "is not of type" in wrong.text
        assert (await stage.call(functions, "pets.getPet", "{")).code == "bad_json"
        await stage.close()


@pytest.mark.anyio
async def test_what_the_service_refuses_is_told_and_what_passes_is_tried_again():
    async with canary() as bird:
        stage, functions = Stage(), registry(bird.port)
        bird.answers["/v1/pets/7"] = said(404, b"no such pet")
        told = json.loads((await stage.call(functions, "pets.getPet", '{"id": 7}')).text)["error"]
        assert (told["code"], "no such pet" in told["message"], told["retry"]) == ("http_404", True, True)
        bird.answers["/v1/pets/8"] = said(503, b"", "retry-after: 0")
        assert (await stage.call(functions, "pets.getPet", '{"id": 8}', terms=Terms(retries=2))).code == "temporary"
        assert len(bird.requests) == 4
        bird.answers["/v1/pets"] = said(502)  # it may have taken effect: not tried again
        assert (await stage.call(functions, "pets.addPet", '{"name": "x"}', terms=Terms(retries=2))).code == "http_502"
        assert len(bird.requests) == 5

        async def breaks(writer: asyncio.StreamWriter) -> None:
            writer.close()

        bird.answers["/v1/pets"] = breaks
        assert (await stage.call(functions, "pets.addPet", '{"name": "x"}', terms=Terms(retries=2))).code == "no_answer"
        assert len(bird.requests) == 6
        await stage.close()


@pytest.mark.anyio
async def test_the_credential_stays_with_its_origin():
    async with canary() as bird, canary() as other:
        bird.answers["/v1/pets/7"] = said(302, b"", f"location: http://127.0.0.1:{other.port}/")
        stage = Stage()
        for kind in ("bearer", "basic", "header", "query", "cookie"):
            functions = registry(bird.port, credential=Credential(kind=kind, find=lambda: "t-1", name="key"))
            output = await stage.call(functions, "pets.getPet", '{"id": 7}')
            assert output.code in ("out_of_reach", "failed", None), output
        assert other.connections == 0
        assert all(("t-1" in text) != ("Basic" in text) for text in bird.requests)
        await stage.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_an_inner_address_is_reached_only_when_the_manifest_says_so(host: str):
    async with canary() as bird:
        offer = Offer(name="pets", base_url=f"http://{host}:{bird.port}")
        functions, stage = Registry.of([unit_of(read(document(PETS)), offer).unit]), Stage()
        assert (await stage.call(functions, "pets.getPet", '{"id": 7}')).code in ("out_of_reach", "temporary")
        assert bird.connections == 0
        await stage.close()
