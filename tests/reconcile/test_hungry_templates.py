"""Templates that would eat the machine: each ends soon, with a complaint, and costs this process nothing."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, TemplateSyntaxError

from orchestrator.confined import Confined
from orchestrator.reconcile.rendering import Renderer, TemplateFault
from orchestrator.reconcile.weighing import is_heavy, is_plain

HUNGRY = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ [1] * 10**9 }}",
    "{{ 'a' | center(10**9) }}",
    "{{ 'a\nb' | indent(10**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:>1000000000}'.format('a') }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{% set n = namespace(x='a') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x | length }}",
    "{% set n = namespace(x='a' * 9999) %}{% for i in range(99999) %}{% set n.x = n.x ~ 'a' * 9999 %}{% endfor %}",
    "{{ lipsum(n=99999) }}",
    "{{ range(10**9) | list }}",
    "{% macro f(n) %}{% for i in range(9) %}{{ f(n - 1) if n }}{% endfor %}{% endmacro %}{{ f(99) }}",
    "{{ ('a' * 9999) | replace('a', 'b' * 200000) | length }}",
    "{% for x in 'a' * 200000 %}{% for y in 'a' * 200000 %}{% endfor %}{% endfor %}",
    "{{ (('a' * 200000) | list | join('b' * 200000)) | length }}",
    "{% include 'a.j2' %}",
    "{{ 9 ** 9 ** 9 }}",
]
BOMB = {f"{chr(97 + n)}.j2": f"{{% include '{chr(98 + n)}.j2' %}}" * 9 for n in range(12)} | {"m.j2": ""}
HARMLESS = [
    ("{% for x in ['a', 'b'] %}{{ loop.index }}{{ x }}{% endfor %}", "1a2b"),
    ("{{ name | upper }}{% if n > 3 %}!{% endif %}{{ n * 2 + 1 }}", "ADA!9"),
    ("{% set x = name %}{{ x ~ '-' ~ n }}{{ 'ab' * 3 }}", "Ada-4ababab"),
]
APART = [
    ("{% for x in range(3) %}{% for y in 'ab' %}{{ x }}{{ y }} {% endfor %}{% endfor %}", "0a 0b 1a 1b 2a 2b "),
    ("{{ name | center(7) }}|{{ 'a b' | replace(' ', '_') }}", "  Ada  |a_b"),
    ("{% macro hi(who) %}Hi {{ who }}{% endmacro %}{{ hi(name) }}", "Hi Ada"),
]
VALUES = {"name": "Ada", "n": 4}


@pytest.fixture(scope="module")
def apart() -> Iterator[Confined]:
    apart = Confined(BOMB)
    yield apart
    apart.close()


@pytest.mark.parametrize("source", HUNGRY, ids=lambda text: text[:50])
def test_it_ends_with_a_complaint_and_costs_us_nothing(apart: Confined, source: str):
    before = resource.getrusage(resource.RUSAGE_SELF)
    with pytest.raises(TemplateFault) as caught:
        Renderer(BOMB, apart).render(f"first line\n{source}", {})
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert str(caught.value)
    assert after.ru_maxrss - before.ru_maxrss < 50 * 1024
    assert after.ru_utime - before.ru_utime < 1


@pytest.mark.parametrize(("source", "text"), [*HARMLESS, *APART])
def test_what_is_modest_is_rendered_as_ever(apart: Confined, source: str, text: str):
    assert Renderer({}, apart).render(source, VALUES) == text
    assert Renderer({}).render(source, VALUES) == text


def test_only_what_may_be_costly_is_rendered_apart():
    jinja = Environment()
    assert [is_heavy(jinja.parse(source)) for source, _ in HARMLESS] == [False] * len(HARMLESS)
    assert [is_heavy(jinja.parse(source)) for source, _ in APART] == [True] * len(APART)


def test_faults_are_told_as_if_it_were_rendered_here(apart: Confined):
    with pytest.raises(TemplateFault) as caught:
        Renderer({"x.j2": ""}, apart).render("a\n{{ [1] | join(nme) }}", VALUES)
    assert (caught.value.line, caught.value.hint) == (2, "did you mean 'name'?")
    with pytest.raises(TemplateFault) as caught:
        Renderer({}, apart).check("a\n{% for x in range(3) %}")
    assert caught.value.line == 2


def test_after_a_text_that_was_too_much_the_next_one_is_rendered(apart: Confined):
    with pytest.raises(TemplateFault):
        apart("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", {})
    assert apart("{{ 'a' | center(3) }}", {}) == " a "


def test_the_process_knows_nothing_of_our_environment(apart: Confined, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CANARY", "secret")
    fresh = Confined({})
    assert fresh("{{ 'a' | center(3) }}", {}) == " a "
    assert fresh._process is not None
    assert b"secret" not in Path(f"/proc/{fresh._process.pid}/environ").read_bytes()
    fresh.close()


def test_what_is_plain_is_told_without_a_look_at_its_tree():
    plain = [
        "",
        "a",
        "{{ a }}{{- b.c | upper|trim -}}",
        "{% if a == b and not c %}x{% elif d > 3 %}{% else %}{% endif %}",
    ]
    other = [
        "{{ f() }}",
        "{{ a | center }}",
        "{% if a == '%}' ~ f() %}{% endif %}",
        "{% raw %}{{ a }}",
        "{# {{ a #}{{ f() }}",
        "{{ 'a' }}",
        "{% for a in b %}",
    ]
    assert [is_plain(text) for text in plain] == [True] * len(plain)
    assert [is_plain(text) for text in other] == [False] * len(other)
    jinja = Environment()
    assert not any(is_heavy(jinja.parse(text)) for text in plain)


@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                "{%",
                "%}",
                " ",
                "a",
                "if ",
                "endif",
                "|upper",
                "'",
                '"',
                "(",
                ")",
                "-",
                "x.ljust(9)",
                "#}",
                "{#",
                "~",
            ]
        )
    ).map("".join)
)
def test_what_is_plain_is_never_heavy(text: str):
    if is_plain(text):
        try:
            tree = Environment().parse(text)
        except TemplateSyntaxError:
            return
        assert not is_heavy(tree)
