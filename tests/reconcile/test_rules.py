"""Rules over rendered assistants: what each finds and what it leaves alone, waivers, and that no secret is told."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import desired

from orchestrator.manifests.policy import RULES as SETTINGS
from orchestrator.manifests.policy import KnownEnd, Policy, RuleSettings, Waiver
from orchestrator.reconcile.rules import RULES, Case, Judgement, World, judge
from orchestrator.reconcile.rules.secrets import FORMS, keys_in, long_words
from orchestrator.tools import Function, FunctionDefinition
from orchestrator.tools.quark_search import QuarkSearch
from orchestrator.tools.rag import Rag, Retrieval
from orchestrator.wire.retirements import APIS, MODELS

TODAY = date(2026, 11, 25)
KNOWN = frozenset({"get_forecast", "refund", "quark_search", "rag", "calculator"})


def _tool(name: str) -> Function:
    return Function(function=FunctionDefinition(name=name))


def _found(
    rule: str, *, world: World | None = None, before: dict[str, Any] | None = None, options: Any = None, **body: Any
) -> list[str]:
    """The messages of one rule on one assistant."""
    settings = SETTINGS[rule].model_validate(options or {})
    judgement = _judge(Case(desired("a", **body), before), rules=(settings,), world=world)
    return [one.finding.message for one in judgement.findings if one.rule.name == rule]


def _judge(
    *cases: Case,
    rules: tuple[RuleSettings, ...] = (),
    waivers: tuple[Waiver, ...] = (),
    world: World | None = None,
    whole: bool = True,
) -> Judgement:
    policy = Policy.model_construct(rules=rules, waivers=waivers)
    return judge(cases, RULES, policy, world or World(today=TODAY, tools=KNOWN), whole=whole)


def _waiver(rule: str = "secret-key", assistant: str = "a", until: str = "2027-01-31") -> Waiver:
    return Waiver.model_validate({"rule": rule, "assistant": assistant, "reason": "it is meant", "until": until})


# ---- models


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"allow": ["qwen-*"]}, None),
        ({"allow": ["qwen-max"]}, "the model 'qwen-plus' is not allowed here"),
        ({"allow": []}, "the model 'qwen-plus' is not allowed here"),
        ({"deny": ["*-plus"]}, "the model 'qwen-plus' is denied here (by '*-plus')"),
        ({"allow": ["qwen-*"], "deny": ["qwen-plus"]}, "the model 'qwen-plus' is denied here (by 'qwen-plus')"),
        ({}, None),
    ],
)
def test_models_are_allowed_or_denied_by_pattern(options: dict[str, Any], finding: str | None) -> None:
    assert _found("model-allowed", options=options) == ([finding] if finding else [])


def _at(host: str | None, dialect: str = "openai", today: date = TODAY) -> World:
    return World(today=today, dialect=dialect, host=host, serves=lambda name: (host, name))


def test_an_end_is_told_for_the_host_that_announced_it_and_nowhere_else() -> None:
    (told,) = _found("model-retirement", model="gpt-4", world=_at("api.openai.com"))
    assert told == "the model 'gpt-4' was shut down on 2026-10-23 (OpenAI's list of deprecations)"
    assert _found("model-retirement", model="gpt-4", world=_at("llm.internal")) == []
    assert _found("model-retirement", model="gpt-4", world=_at(None)) == []


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 10, 24), "was shut down on 2026-10-23"),
        (date(2026, 10, 23), "will be shut down on 2026-10-23, today"),
        (date(2026, 10, 22), "will be shut down on 2026-10-23, in 1 day"),
        (date(2026, 9, 23), "will be shut down on 2026-10-23, in 30 days"),
        (date(2026, 1, 1), None),
    ],
)
def test_an_end_is_told_as_it_comes_near(today: date, words: str | None) -> None:
    found = _found("model-retirement", model="gpt-4", world=_at("api.openai.com", today=today))
    assert [words in one for one in found if words] == ([True] if words else [])
    assert bool(found) == bool(words)


def test_an_environment_knows_ends_of_its_own() -> None:
    ends = [{"match": "qwen-*", "day": "2026-12-01", "source": "the platform team"}]
    (told,) = _found("model-retirement", options={"ends": ends})
    assert told == "the model 'qwen-plus' will be shut down on 2026-12-01, in 6 days (the platform team)"
    own = [{"match": "api.example.com", "day": "2026-12-01"}]
    (told,) = _found("api-retirement", world=_at("api.example.com"), options={"ends": own})
    assert "the API at api.example.com will be shut down" in told


def test_the_ends_of_both_vendors_apis_are_told_once_for_all_assistants() -> None:
    assert "was shut down on 2026-08-26" in _found("api-retirement", world=_at("api.openai.com"))[0]
    studio = _at("dashscope-intl.aliyuncs.com", dialect="dashscope")
    assert "is being retired; no date is known" in _found("api-retirement", world=studio)[0]
    assert _found("api-retirement", world=_at("127.0.0.1")) == []
    many = _judge(*(Case(desired(name)) for name in "abc"), world=studio)
    assert [one.rule.name for one in many.findings] == ["api-retirement"]


def test_each_end_of_the_table_names_its_source_and_is_found_only_once() -> None:
    assert all(end.source and end.host for end in (*APIS, *MODELS))
    assert len({(end.match, end.host) for end in (*APIS, *MODELS)}) == len(APIS) + len(MODELS)
    assert KnownEnd.model_validate({"match": "x", "day": "2026-12-01"}).source is None


# ---- prompts


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Call get_forecast before you answer.", ["get_forecast"]),
        ("Look it up with `refund`.", ["refund"]),
        ("Call refund(order) then.", ["refund"]),
        ("Use the refund tool.", ["refund"]),
        ("Use the tool rag.", ["rag"]),
        ("We refund within 14 days; a rag is a cloth; a calculator helps.", []),
        ("get_forecasts and my_get_forecast are other words.", []),
        ("", []),
    ],
)
def test_a_tool_that_a_prompt_mentions_must_be_bound(text: str, names: list[str]) -> None:
    wanted = [f"the instructions mention the tool '{name}', which the assistant does not have" for name in names]
    assert _found("tool-not-bound", instructions=text) == wanted
    assert _found("tool-not-bound", instructions=text, tools=(_tool("get_forecast"), _tool("refund"), RAG)) == []


RAG = Rag(prompt_ra=Retrieval(pipeline_id="p"))


def test_a_name_that_is_nearly_a_tool_is_told_with_the_tool() -> None:
    case = Case(desired("a", instructions="Call `get_forcast(city)`.", tools=(_tool("get_forecast"),)))
    (one,) = _judge(case).findings
    assert (one.rule.code, one.finding.hint) == ("POL002", "did you mean 'get_forecast'?")


def test_a_bound_tool_that_is_never_mentioned_is_told_where_it_stands() -> None:
    tools = (_tool("get_forecast"), _tool("refund_order"), QuarkSearch())
    body = {"instructions": "Get forecast first. Then refund_order.", "tools": tools}
    settings = SETTINGS["tool-not-mentioned"]()
    (one,) = [f for f in _judge(Case(desired("a", **body)), rules=(settings,)).findings if f.rule.code == "POL003"]
    assert (one.finding.path, one.severity) == (("spec", "tools", 2), "info")
    assert [f for f in _judge(Case(desired("a", **body))).findings if f.rule.code == "POL003"] == []


@pytest.mark.parametrize(
    "text",
    ["Hello {{ name }}", "{% if x %}", "Dear ${customer}", "TODO: write this", "Call <your company>", "[INSERT NAME]"],
)
def test_a_placeholder_that_was_left_is_told_with_its_line(text: str) -> None:
    (told,) = _found("placeholder-left", instructions=f"First.\n{text}")
    assert "line 2 of the rendered" in told


@pytest.mark.parametrize(
    "text", ["todo lists are fine", "Use <b>bold</b>, [links](x) and {json: 1}", "It costs $5 {about}", "xxx"]
)
def test_what_is_no_placeholder_is_left_alone(text: str) -> None:
    assert _found("placeholder-left", instructions=text) == []


def test_what_rag_fills_and_what_is_accepted_is_no_placeholder() -> None:
    text = "Answer from ${documents}. {{ name }}"
    assert len(_found("placeholder-left", instructions=text)) == 2
    assert len(_found("placeholder-left", instructions=text, tools=(RAG,))) == 1
    assert _found("placeholder-left", instructions=text, tools=(RAG,), options={"accept": ["{{ name }}"]}) == []


def test_instructions_may_be_too_long() -> None:
    (told,) = _found("instructions-length", instructions="word " * 50, options={"tokens": 20})
    assert "20 are the limit here" in told
    assert _found("instructions-length", instructions="word " * 50, options={"tokens": 500}) == []


def test_growth_is_told_only_where_it_is_known_what_stood_there() -> None:
    long = "A sentence of several words that says something. " * 40
    options = {"percent": 50, "tokens": 100}
    (told,) = _found("token-growth", before={"instructions": long}, instructions=long * 2, options=options)
    assert "by 100 %; the limit is 50 %" in told
    assert _found("token-growth", before=None, instructions=long * 2, options=options) == []
    assert _found("token-growth", before={"instructions": long}, instructions=long + "More.", options=options) == []
    assert len(_found("token-growth", before={}, instructions=long, options=options)) == 1


# ---- secrets

CANARIES = {
    "model": "sk-" + "a1B2c3D4e5F6g7H8i9J0",
    "project": "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0",
    "ours": "orch_" + "a1B2c3D4e5F6g7H8i9J0",
    "alibaba": "LTAI" + "5tAbCdEfGhIjKlMnOp",
    "aws": "AKIA" + "ABCDEFGH12345678",
    "google": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "github": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "gitlab": "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "slack": "xoxb-" + "1234567890-abcdefghij",
    "stripe": "sk_live_" + "a1B2c3D4e5F6g7H8",
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N",
    "bearer": "Bearer " + "a1B2c3D4e5F6g7H8i9J0.k1",
    "url": "postgres://shop:" + "hunter2secret@db.internal/shop",
    "password": "password: " + "hunter2-is-it-9",
    "private": "-----BEGIN RSA PRIVATE KEY-----",
}
PLACES: dict[str, Any] = {
    "instructions": lambda secret: {"instructions": f"Use this.\nKey: {secret} always."},
    "description": lambda secret: {"description": f"about {secret}"},
    "name": lambda secret: {"name": f"x {secret}"},
    "metadata": lambda secret: {"metadata": {"note": secret}},
    "tool": lambda secret: {"tools": (Function(function=FunctionDefinition(name="f", description=f"a {secret}")),)},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", CANARIES)
def test_a_key_is_found_wherever_it_stands_and_never_told(kind: str, place: str) -> None:
    secret = CANARIES[kind]
    plain = desired("a")
    judgement = _judge(Case(replace(plain, body={**plain.body, **PLACES[place](secret)})))
    keys = [one for one in judgement.findings if one.rule.name == "secret-key"]
    assert keys, judgement
    assert all(one.refuses and one.rule.secret for one in keys)
    for one in judgement.findings:
        assert secret not in f"{one.finding}"
        assert secret[4:] not in f"{one.finding}"


@pytest.mark.parametrize(
    "text",
    [
        "Our desk-organizer-for-everybody is sold out. The task-force-for-climate-change met.",
        "Never ask for a password: people must not tell it. Use token=<token>. api_key: {fromEnv: KEY}",
        "See https://example.com/a/b?x=1 and mailto:somebody@example.com and http://localhost:8080/@me",
        "The bearer of this letter; bearer instruments; a secret: sauce.",
        "Order 550e8400-e29b-41d4-a716-446655440000 of 2026-11-25T10:00:00Z",
        "InternationalizationOfEverythingForEverybodyAlways and snake_case_names_that_are_long_enough_to_count",
    ],
)
def test_ordinary_prose_holds_no_secret(text: str) -> None:
    assert _found("secret-key", instructions=text) == []
    assert _found("secret-entropy", instructions=text) == []


@pytest.mark.parametrize(
    "word", ["zX9kQ2mW7vB4nL8pR3tY6uC1", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "aGVsbG8Kd29ybGQxMjM0NTY3OA=="]
)
def test_a_word_as_random_as_a_key_is_a_warning_and_not_told(word: str) -> None:
    (told,) = _found("secret-entropy", instructions=f"It is {word}.")
    assert word not in told
    assert _found("secret-entropy", instructions=f"It is {word}.", options={"length": 60}) == []


@given(st.text(max_size=200), st.sampled_from(sorted(CANARIES)), st.text(max_size=200))
def test_whatever_stands_around_it_a_key_is_never_repeated(before: str, kind: str, after: str) -> None:
    secret = CANARIES[kind]
    judgement = _judge(Case(desired("a", instructions=f"{before} ${{{secret}}} {secret} {after}")))
    assert all(secret not in str(one.finding) for one in judgement.findings)


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    rules = tuple(settings() for settings in SETTINGS.values())
    _judge(Case(desired("a", instructions=text, tools=(_tool("refund"),)), {"instructions": ""}), rules=rules)


_pieces = st.sampled_from(
    [*CANARIES.values(), "Bearer", "password", "://", "sk-", "ıK", "ſecret=", " ", "\n", "=", ":"]
)


@given(st.lists(_pieces | st.text(max_size=6), max_size=8).map("".join))
def test_what_is_looked_for_first_is_in_every_match(text: str) -> None:
    """The cheap look beforehand loses nothing."""
    for form in FORMS:
        for found in form.pattern.finditer(text):
            assert any(sign in found[0].lower() for sign in form.signs)
    assert bool(keys_in(text)) == any(form.pattern.search(text) for form in FORMS)
    assert [f[0] for f in long_words(text)] == re.findall(r"[A-Za-z0-9+_-]{16,}={0,2}", text)


@pytest.mark.parametrize(
    "piece", ["token=", "eyJaaaaaaaaaaaa-", "a-", "“a(", "`a_b(", "://a", "bearer ", "rag ", "{{", "<your ", "sk-", "a"]
)
def test_a_hostile_text_takes_no_more_than_its_time(piece: str) -> None:
    """As long as instructions may be: where a search starts anew at every letter, this would not end."""
    rules = tuple(settings() for settings in SETTINGS.values())
    text = "rag `" + piece * (256_000 // len(piece))
    _judge(Case(desired("a", instructions=text, tools=(_tool("refund_order"),)), {"instructions": ""}), rules=rules)


def test_a_text_full_of_keys_is_told_of_in_part() -> None:
    judgement = _judge(Case(desired("a", instructions=f"{CANARIES['aws']} " * 5_000)))
    assert len([one for one in judgement.findings if one.rule.name == "secret-key"]) == 20


# ---- severity and waivers


def test_a_severity_is_set_or_the_rule_switched_off() -> None:
    case = Case(desired("a", instructions="TODO"))
    for severity, wanted in (("error", ["error"]), ("info", ["info"]), ("off", []), (None, ["warning"])):
        settings = SETTINGS["placeholder-left"].model_validate({"severity": severity})
        assert [one.severity for one in _judge(case, rules=(settings,)).findings] == wanted


LEAK = Case(desired("a", instructions=f"Key {CANARIES['aws']}"))


def test_a_waiver_accepts_what_its_rule_finds_on_its_assistants_until_its_day() -> None:
    for until, refused in (("2026-11-25", False), ("2026-11-24", True)):
        (one,) = _judge(LEAK, waivers=(_waiver(until=until),)).findings
        assert one.refuses is refused
    (one,) = _judge(LEAK, waivers=(_waiver(assistant="b"), _waiver(rule="placeholder-left"))).findings
    assert one.refuses
    (one,) = _judge(LEAK, waivers=(_waiver(assistant="*"),)).findings
    assert not one.refuses


def test_a_waiver_that_ended_or_waives_nothing_is_told() -> None:
    judgement = _judge(LEAK, waivers=(_waiver(until="2026-11-20"), _waiver(assistant="aa"), _waiver()))
    assert [(one.number, one.code, one.message, one.hint) for one in judgement.waivers] == [
        (0, "POL011", "the waiver of 'secret-key' for 'a' ended 5 days ago", "correct what it waives, or renew it"),
        (1, "POL012", "the waiver of 'secret-key' for 'aa' waives nothing", "did you mean 'a'?"),
    ]


def test_a_waiver_is_not_called_useless_where_that_cannot_be_known() -> None:
    growth = SETTINGS["token-growth"]()
    waivers = (_waiver(rule="token-growth"),)
    assert _judge(Case(desired("a")), rules=(growth,), waivers=waivers).waivers == ()
    assert _judge(Case(desired("a")), waivers=(_waiver(assistant="b"),), whole=False).waivers == ()
