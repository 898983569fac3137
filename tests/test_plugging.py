"""Plug-ins and their manifests: settings, secrets, permissions, and whole plug-ins offered to an assistant."""

from pathlib import Path
from textwrap import dedent

import pytest

from orchestrator.errors import ManifestsInvalid
from orchestrator.functions.permissions import fault, missing, reach
from orchestrator.reconcile.approving import decide
from orchestrator.settings import Settings
from orchestrator.workspace import Workspace

CODE = """
from pydantic import BaseModel
from orchestrator import Context, Plugin, tool

class Settings(BaseModel):
    unit: str
    most: int = 3

plugin = Plugin("Weather", "2", settings=Settings, permissions="net:api.example.com")

@tool(permissions="env:KEY", approval="ask", retries=2)
def forecast(ctx: Context, city: str) -> str:
    "Tell the weather."
    return f"{ctx.settings.unit} {ctx.secrets['key']} {city}"

@tool(timeout=3)
def history(city: str) -> str:
    "Tell what was."
    return city

@tool(hidden=True)
def secretly(city: str) -> str:
    "Not for everybody."
    return city
"""
PLUGIN = """
apiVersion: orchestrator/v1
kind: Plugin
metadata: {name: sky}
spec:
  code: weather
  settings: {unit: celsius}
  secrets: {key: {fromEnv: WEATHER_KEY}}
  grant: ["net:*.example.com", "env:*"]
"""
ASSISTANT = """
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: guide}
spec:
  model: qwen-plus
  limits: {toolTimeout: 7s}
  tools: [{plugin: sky}]
"""


def read(folder: Path, plugin: str = PLUGIN, assistant: str = ASSISTANT, code: str = CODE, **environ: str) -> Workspace:
    for name, text in (("plugins/weather.py", code), ("assistants.d/a.yaml", f"{assistant}---{plugin}")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(dedent(text))
    return Workspace.read(Settings.read(environ, folder=folder))


def complaints(work: Workspace) -> list[str]:
    with pytest.raises(ManifestsInvalid if any(d.code.startswith("MAN") for d in work.diagnostics) else Exception):
        work.raise_for_errors()
    return [str(d) for d in work.diagnostics]


def test_an_assistant_offers_the_functions_of_a_plug_in(tmp_path: Path):
    work = read(tmp_path)
    work.raise_for_errors()
    (guide,) = work.desired
    assert [tool.function.name for tool in guide.body["tools"]] == ["forecast", "history"]
    bindings = {name: (b.function, b.timeout, b.retries, decide(b, "")) for name, b in guide.bindings.items()}
    assert bindings == {
        "forecast": ("weather.forecast", 7, 2, "ask"),
        "history": ("weather.history", None, 0, "auto"),
    }


def test_only_what_is_named_is_offered_hidden_or_not(tmp_path: Path):
    text = ASSISTANT.replace("{plugin: sky}", "{plugin: sky, only: [secretly, forecast], approval: deny}")
    work = read(tmp_path, assistant=text)
    work.raise_for_errors()
    (guide,) = work.desired
    assert {name: decide(b, "") for name, b in guide.bindings.items()} == {"forecast": "deny", "secretly": "deny"}


def test_a_manifest_does_not_loosen_what_the_code_asks(tmp_path: Path):
    work = read(tmp_path, assistant=ASSISTANT.replace("{plugin: sky}", "{plugin: sky, approval: auto}"))
    (guide,) = work.desired
    assert decide(guide.bindings["forecast"], "") == "ask"


def test_secrets_are_looked_up_when_they_are_needed(tmp_path: Path):
    work = read(tmp_path)
    work.raise_for_errors()  # a plan needs no secret of a plug-in
    unit = work.registry.units["weather"]
    with pytest.raises(ManifestsInvalid, match="WEATHER_KEY is not there"):
        unit.secrets()
    unit = read(tmp_path, WEATHER_KEY="k-1").registry.units["weather"]
    assert (unit.secrets(), unit.settings.unit, unit.settings.most) == ({"key": "k-1"}, "celsius", 3)
    assert "k-1" not in repr(unit)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("unit: celsius", "unit: 3", "a.yaml:15:20: error MAN004: input should be a valid string"),
        ("{unit: celsius}", "{}", "MAN004: field required"),
        ("env:*", "env:OTHER", "weather.py:12:5: error PLG004: 'weather.forecast' needs 'env:KEY', which no"),
        ("net:*.example.com", "net:example.com", "needs 'net:api.example.com'"),
        ("env:*", "root", "'root' is no permission; permissions are net:HOST"),
        ("env:*", "net:ftp://a.example", "'ftp://a.example' is not http or https"),
        ("code: weather", "code: wether", "MAN007: there is no plug-in 'wether' in the folder"),
        ("code: weather\n", "code: weather\n  hosted: {id: p_1}\n", "a plug-in has exactly one of"),
        ("code: weather", "hosted: {id: p_1}", "'settings' is for plug-ins with 'code'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str):
    assert old in PLUGIN
    found = complaints(read(tmp_path, plugin=PLUGIN.replace(old, new)))
    assert any(told in one for one in found), found


def test_code_without_a_manifest_says_what_it_lacks(tmp_path: Path):
    other = PLUGIN.replace("code: weather", "hosted: {id: p_1}").partition("  settings")[0]
    found = complaints(read(tmp_path, plugin=other))
    assert any(
        "the plug-in 'weather' needs settings, which no manifest gives: unit: field required" in one for one in found
    )
    bare = CODE.replace("settings=Settings, ", "")
    found = complaints(read(tmp_path, plugin=other, code=bare))
    assert any("kind: Plugin, spec: {code: weather, grant: ['net:api.example.com', 'env:KEY']}" in one for one in found)


def test_a_permission_that_is_none_is_told_at_the_code(tmp_path: Path):
    found = complaints(read(tmp_path, code=CODE.replace("env:KEY", "enviroment")))
    assert any("weather.py:12:5: error PLG004: 'enviroment' is no permission" in one for one in found), found


def test_two_tools_of_one_name_are_told_with_a_way_out(tmp_path: Path):
    text = ASSISTANT.replace("[{plugin: sky}]", "[{plugin: sky}, {ref: history}]")
    tool = (
        "\n---\napiVersion: orchestrator/v1\nkind: Tool\nmetadata: {name: history}\nspec: {function: weather.history}\n"
    )
    found = complaints(read(tmp_path, assistant=text + tool))
    assert any(
        "the model would see two tools named 'history': weather.history and the tool 'history'" in o for o in found
    )
    assert any("spec: {function:" in one for one in found)


def test_two_manifests_for_one_code_and_unknown_names(tmp_path: Path):
    twice = PLUGIN + "---" + PLUGIN.replace("name: sky", "name: sky-2")
    assert any(
        "MAN005: the code 'weather' is spoken for already" in one for one in complaints(read(tmp_path, plugin=twice))
    )
    text = ASSISTANT.replace("{plugin: sky}", "{plugin: sky, only: [forcast]}")
    found = complaints(read(tmp_path, assistant=text))
    assert any("has no function 'forcast'" in one and "did you mean 'forecast'?" in one for one in found)


@pytest.mark.parametrize(
    ("wanted", "granted", "lacking"),
    [
        ("net:a.example", "net:a.example", False),
        ("net:a.example", "net:https://a.example:443", False),
        ("net:a.example", "net:*.example", False),
        ("net:*.example", "net:*.example", False),
        ("net:*.example", "net:a.example", True),
        ("net:*", "net:*.example", True),
        ("net:http://a.example", "net:a.example", True),
        ("net:private a.example", "net:a.example", True),
        ("net:a.example", "net:private a.example", False),
        ("fs:read:/data/a", "fs:read:/data/*", False),
        ("fs:write:/data/a", "fs:read:/data/*", True),
        ("exec", "exec", False),
        ("exec", "env:*", True),
        ("mcp:files", "mcp:files", False),
    ],
)
def test_a_grant_covers_what_is_no_wider(wanted: str, granted: str, lacking: bool):
    assert fault(wanted) is None
    assert fault(granted) is None
    assert bool(missing([wanted], [granted])) == lacking


def test_the_reach_is_that_of_the_network_permissions():
    assert [str(o) for o in reach(["env:A", "net:a.example", "exec"]).origins] == ["https://a.example:443"]


DOCUMENT = """
openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: "https://pets.example/v1"}]
paths:
  /pets/{id}:
    get:
      operationId: getPet
      summary: One pet.
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {}
    delete:
      operationId: deletePet
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {}
    put: {operationId: replacePet, requestBody: {content: {application/xml: {}}}, responses: {}}
"""
SERVICE = """
apiVersion: orchestrator/v1
kind: Plugin
metadata: {name: pets}
spec:
  openapi:
    document: specs/pets.yaml
    auth: {header: {name: X-Key, value: {fromEnv: PETS_KEY}}}
    approvals: {deletePet: deny}
"""


def service(folder: Path, manifest: str = SERVICE, document: str = DOCUMENT) -> Workspace:
    (folder / "specs").mkdir(exist_ok=True)
    (folder / "specs/pets.yaml").write_text(document)
    return read(folder, manifest, ASSISTANT.replace("{plugin: sky}", "{plugin: pets}"), "")


def test_operations_of_a_service_are_offered(tmp_path: Path):
    work = service(tmp_path)
    work.raise_for_errors()
    (guide,) = work.desired
    assert {n: (b.function, decide(b, "")) for n, b in guide.bindings.items()} == {
        "getPet": ("pets.getPet", "auto"),
        "deletePet": ("pets.deletePet", "deny"),
    }
    (warning,) = work.diagnostics
    assert "the operation 'replacePet' cannot be offered: it takes application/xml" in warning.message
    assert work.registry.units["pets"].grants == ("net:https://pets.example",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "specs/pets.yaml",
            "specs/none.yaml",
            "a.yaml:15:15: error MAN010: the document 'specs/none.yaml' cannot be read: no such",
        ),
        ("specs/pets.yaml", "../etc/passwd", "leads out of the project's folder"),
        ("specs/pets.yaml", "/etc/passwd", "must be given by its path below the project's folder"),
        ("specs/pets.yaml", "specs", "is not a plain file"),
        ("{deletePet: deny}", "{dletePet: deny}", "there is no operation 'dletePet'; did you mean 'deletePet'?"),
        (
            "document:",
            "include: [replacePet]\n    document:",
            "error MAN004: the operation 'replacePet' cannot be offered",
        ),
        (
            "{header: {name: X-Key, value: {fromEnv: PETS_KEY}}}",
            "{bearer: sk-123}",
            "a secret never stands in a manifest",
        ),
        (
            "{header: {name: X-Key, value: {fromEnv: PETS_KEY}}}",
            "{}",
            "exactly one of bearer, basic, header, query and cookie",
        ),
        ("name: pets", "name: weather", "a plug-in 'weather' is in the folder of plug-ins already"),
    ],
)
def test_what_is_wrong_with_a_service_is_told(tmp_path: Path, old: str, new: str, told: str):
    assert old in SERVICE
    found = complaints(service(tmp_path, SERVICE.replace(old, new)))
    assert any(told in one for one in found), found
