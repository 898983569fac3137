"""The map of routes is data that documents and tests are made from."""

from __future__ import annotations

from orchestrator.server.dialects import DIALECTS
from orchestrator.server.routes import PATHS, name, paths, summary


def test_every_verb_has_a_name_and_a_summary_of_its_own() -> None:
    verbs = {verb for path in PATHS for verb in path.verbs.values()}
    assert len({name(verb) for verb in verbs}) == len(verbs)
    assert len({summary(verb) for verb in verbs}) == len(verbs)
    assert all(summary(verb).endswith(".") for verb in verbs)


def test_a_word_is_tried_before_a_name() -> None:
    for dialect in DIALECTS:
        templates = [path.template for path in paths(dialect)]
        assert templates.index("/threads/runs") < templates.index("/threads/{thread}")
        assert len(set(templates)) == len(templates)
