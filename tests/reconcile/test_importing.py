"""What stands at a target becomes manifests that say the same: for whatever stands there."""

from pathlib import Path
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from strategies import bodies

from orchestrator.functions import Registry
from orchestrator.manifests import Assistant, Plugin, Template, load_text, printing, select
from orchestrator.manifests.loaded import Loaded
from orchestrator.reconcile.body import comparable
from orchestrator.reconcile.desiring import desire
from orchestrator.reconcile.importing import Taken, Written, label, manifests
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.rendering import Renderer
from orchestrator.reconcile.wording import escaped

_PIECES = ["{{", "}}", "{%", "%}", "{#", "\r\n", "${env.X}", "é", "\u2028", "\x85", "\ufeff", "\u200b"]
ODD = st.lists(st.sampled_from([*"{}%#$\r\n\t' \"\\|-:ab", *_PIECES])).map("".join)


def observed(*bodies: dict[str, Any]) -> list[Observed]:
    return [Observed(id=f"asst_{n}", body=body, stamp=None, created_at=n) for n, body in enumerate(bodies)]


def read(files: tuple[Written, ...], tmp: Path = Path("assistants.d")) -> tuple[dict[str, Any], list[str]]:
    """The bodies that the files stand for, by the name of their manifests; and all complaints."""
    placed, found = [], []
    for one in files:
        text = "---\n".join(printing.document(document) for document in one.documents)
        some, complaints = load_text(text, {})
        placed += some
        found += [str(c) for c in complaints]
    by = {
        kind: {p.value.metadata.name: p for p in placed if isinstance(p.value, kind)}
        for kind in (Assistant, Template, Plugin)
    }
    loaded = Loaded(
        folder=tmp,
        assistants=by[Assistant],
        templates=by[Template],
        plugins=by[Plugin],
        tools={},
        environments={},
        template_files={},
        sources={},
    )
    wish = desire(select(loaded, "local", {}), loaded, Registry(), lambda place, where: None)
    return {one.name: one.body for one in wish.desired}, [*found, *map(str, wish.diagnostics)]


@given(ODD)
@example("{{{")
@example("{\r\n{{x\n")
@example("{{ a }}\n\n")
def test_instructions_render_to_exactly_what_they_were(text: str):
    assert Renderer({}).render(escaped(text), {}) == text


@settings(max_examples=150)
@given(st.lists(bodies, max_size=4), ODD)
def test_the_manifests_say_what_stood_there(some: list[dict[str, Any]], text: str):
    here = observed(
        *some,
        {"model": "m", "name": "n", "instructions": text, "description": text[:100], "metadata": {"k": text[:100]}},
    )
    files = manifests(here, Taken())
    assume(
        "\0" not in repr(some).encode().decode("unicode_escape", "replace") and all(not one.missing for one in files)
    )
    desired, complaints = read(files)
    assert not complaints
    names = {one.id: one.name for one in files if one.id}
    for one in here:
        body = desired[names[one.id]]
        for field, value in one.body.items():
            if comparable(field, value) is not None:
                assert comparable(field, body.get(field)) == comparable(field, value), field
        assert all(comparable(field, one.body.get(field)) == comparable(field, value) for field, value in body.items())


def test_prompts_that_repeat_become_a_template():
    long = "You are kind. {{ literally }} " * 5
    files = manifests(
        observed(
            *[{"model": "m", "name": n, "instructions": long} for n in ("A", "B")],
            {"model": "m", "name": "c", "instructions": "Hi"},
        ),
        Taken(),
    )
    assert [one.file for one in files] == ["templates/a.yaml", "a.yaml", "b.yaml", "c.yaml"]
    assert files[1].documents[0]["spec"] == {"model": "m", "displayName": "A", "instructions": {"template": "a"}}
    desired, complaints = read(files)
    assert (complaints, desired["b"]["instructions"]) == ([], long)


def test_names_are_labels_and_stay_apart():
    names = ["Größe: 1", "grosse 1", "../../etc/passwd", "日本", "", "x" * 300, "weather", "Weather"]
    files = manifests(observed(*[{"model": "m", "name": n} for n in names]), Taken(names={"Assistant": ["weather"]}))
    assert [one.file.removesuffix(".yaml") for one in files] == [
        "groe-1",
        "grosse-1",
        "etc-passwd",
        "assistant",
        "assistant-2",
        "x" * 63,
        "weather-2",
        "weather-3",
    ]
    assert label("ÀÉ x") == "ae-x"


def test_what_has_no_words_is_left_out_and_told():
    from orchestrator.tools import decode

    body = {"model": "m", "name": "a", "tools": (decode({"type": "web_browser", "x": 1}),), "metadata": {"n": 3}}
    (one,) = manifests(observed(body), Taken())
    assert one.documents[0]["spec"] == {"model": "m"}
    assert one.missing == (
        "tools: a tool of the type 'web_browser' is not known here",
        "metadata: the value of 'n' is no text",
    )


def test_a_token_is_never_written():
    from orchestrator.tools import decode

    tool = decode({"type": "plugin_7c1e", "auth": {"type": "user_http", "user_token": "t-secret"}})
    plugin, one = manifests(observed({"model": "m", "name": "a", "tools": (tool,)}), Taken())
    assert one.documents[0]["spec"]["tools"] == [{"plugin": "plugin-7c1e"}]
    assert "t-secret" not in printing.document(plugin.documents[0])
    assert plugin.documents[0]["spec"]["hosted"]["auth"] == {"userToken": {"fromEnv": "PLUGIN_7C1E_TOKEN"}}
    assert "PLUGIN_7C1E_TOKEN" in plugin.missing[0]
