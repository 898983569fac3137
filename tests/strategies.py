"""Values for property tests: JSON, tools of every kind, bodies of assistants, stamps. One strategy per tool kind."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from orchestrator.reconcile.body import digest
from orchestrator.reconcile.stamp import STAMP_KEY, Stamp
from orchestrator.tools import BY_ALIAS, BY_TYPE, KINDS, Function, FunctionDefinition, HostedPlugin, Opaque, ToolKind
from orchestrator.tools.code_interpreter import CodeInterpreter
from orchestrator.tools.kind import Described
from orchestrator.tools.rag import Rag, Retrieval
from orchestrator.wire.assistants import ASSISTANT_FIELDS

_INT64 = st.integers(-(2**53), 2**53)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _INT64 | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)
ids = st.from_regex(r"[A-Za-z0-9_.-]{1,40}", fullmatch=True).filter(lambda word: word not in BY_TYPE)

functions = st.builds(
    Function,
    function=st.builds(
        FunctionDefinition,
        name=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
        description=st.none() | texts,
        parameters=st.none() | json_objects,
        strict=st.none() | st.booleans(),
    ),
)
rags = st.builds(
    Rag,
    prompt_ra=st.builds(
        Retrieval,
        pipeline_id=st.lists(some_text, max_size=3).map(tuple) | some_text,
        multiknowledge_rerank_top_n=st.none() | st.integers(1, 50),
        rerank_top_n=st.none() | st.integers(1, 50),
        parameters=st.none() | json_objects,
    ),
)
hosted_plugins = st.one_of(
    st.builds(HostedPlugin, id=ids),
    st.builds(HostedPlugin, id=ids, auth_type=st.sampled_from(["user_http", "dashscope_plugin"]), user_token=some_text),
)
opaques = st.builds(
    lambda word, rest: Opaque(wire={**rest, "type": word, "x-unknown": 1}),
    word=st.sampled_from([*BY_TYPE, *BY_ALIAS]) | ids | some_text,
    rest=json_objects,
)
_BY_KIND: dict[type[ToolKind], st.SearchStrategy[Any]] = {
    **{kind: st.builds(kind, description=st.none() | texts) for kind in KINDS if issubclass(kind, Described)},
    Function: functions,
    Rag: rags,
    HostedPlugin: hosted_plugins,
    Opaque: opaques,
}


def tools_of(kind: type[ToolKind]) -> st.SearchStrategy[ToolKind]:
    """Tools of one kind; a kind without a strategy is a KeyError, so that a new kind cannot be forgotten."""
    return _BY_KIND[kind]


ALL_KINDS: tuple[type[ToolKind], ...] = (*KINDS, HostedPlugin, Opaque)
tools = st.one_of([tools_of(kind) for kind in ALL_KINDS])

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "model": some_text,
    "name": some_text,
    "description": some_text,
    "instructions": some_text,
    "tools": st.lists(tools, min_size=1, max_size=4).map(tuple),
    "file_ids": st.lists(ids, min_size=1, max_size=3, unique=True).map(tuple),
    "metadata": st.dictionaries(some_text.filter(lambda key: key != STAMP_KEY), texts, min_size=1, max_size=15),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(0, 100),
    "max_tokens": st.integers(1, 100_000),
}
_EMPTY: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("name", "description", "instructions"), st.sampled_from(["", None])),
    **dict.fromkeys(("tools", "file_ids"), st.sampled_from([(), [], None])),
    "metadata": st.sampled_from([{}, None]),
}
bodies = st.fixed_dictionaries({"model": _VALUES["model"]}, optional={k: v for k, v in _VALUES.items() if k != "model"})
bodies_that_clear = st.fixed_dictionaries(
    {"model": _VALUES["model"]}, optional={k: v | _EMPTY[k] for k, v in _VALUES.items() if k in _EMPTY}
)

# what OpenAI's dialect has words for
bare_interpreters = st.builds(CodeInterpreter)
_SAYABLE: dict[str, st.SearchStrategy[Any]] = {
    **{k: v for k, v in _VALUES.items() if k not in ("top_k", "max_tokens")},
    "tools": st.lists(functions | bare_interpreters, min_size=1, max_size=4).map(tuple),
}
_NULLS = dict.fromkeys(("temperature", "top_p"), st.none())
openai_bodies = st.fixed_dictionaries(
    {"model": _VALUES["model"]}, optional={k: v for k, v in _SAYABLE.items() if k != "model"}
)
openai_bodies_that_clear = st.fixed_dictionaries(
    {"model": _VALUES["model"]},
    optional={k: v | {**_EMPTY, **_NULLS}[k] for k, v in _SAYABLE.items() if k in {**_EMPTY, **_NULLS}},
)
stamps = st.builds(
    Stamp,
    owner=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=64),
    manifest=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True),
    fields=st.sets(st.sampled_from(ASSISTANT_FIELDS)).map(
        lambda names: {name: digest(name, name) for name in names if name not in _NUMBERS_AND_TOOLS}
    ),
    revision=st.integers(1, 10**6),
    attempt=st.from_regex(r"[0-9a-f]{0,32}", fullmatch=True),
    protect=st.booleans(),
)
_NUMBERS_AND_TOOLS = frozenset({"temperature", "top_p", "top_k", "max_tokens", "tools"})
