"""The files that `init` writes: a project that works at once, without an account and without a network."""

from __future__ import annotations

_ENVIRONMENTS = """\
# yaml-language-server: $schema=../schema.json
# `local` is built in: the embedded server that `orchestrator up` starts. Here it is told which model answers.
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: local}
spec:
  models:
    - {match: "*", script: models/demo.yaml}   # the offline model, no language model; a real one goes before it:
    # - {match: "qwen-*", baseUrl: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    #    apiKey: {fromEnv: DASHSCOPE_API_KEY}}
---
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: production}
spec:
  target:
    dialect: dashscope
    baseUrl: "${env.PRODUCTION_URL:=https://dashscope-intl.aliyuncs.com/api/v1}"
    apiKey: {fromEnv: DASHSCOPE_API_KEY}
  policy: {prune: confirm, maxDeletes: 5}
"""
_GUIDE = """\
# yaml-language-server: $schema=../schema.json
apiVersion: orchestrator/v1
kind: Assistant
metadata:
  name: guide
  labels: {team: demo}
spec:
  model: qwen-plus
  instructions:
    template: tone
    variables: {role: guide of a small shop}
  tools:
    - ref: opening-hours
---
apiVersion: orchestrator/v1
kind: Template
metadata: {name: tone}
spec:
  variables:
    - {name: role, required: true}
  body: |
    You are the {{ role }}. Answer in two sentences, and look opening hours up with opening-hours.
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: opening-hours}
spec:
  function: shop.opening_hours   # plugins/shop.py, the function marked @tool
"""
_PLUGIN = '''"""What the shop knows."""

from typing import Literal

from orchestrator import tool

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@tool(timeout=5, read_only=True)
def opening_hours(day: Day) -> str:
    """Tell when the shop is open.

    Args:
        day: The day of the week.
    """
    return "closed" if day == "sunday" else "9 to 13" if day == "saturday" else "9 to 18"
'''
_TEST = '''"""Tests of plugins/shop.py: orchestrator plugin test."""

from pathlib import Path

PLUGIN = Path(__file__).parents[1] / "plugins" / "shop.py"


def test_opening_hours(tool_tester):
    shop = tool_tester(PLUGIN)
    assert shop.run("opening_hours", day="sunday").text == "closed"
    assert shop.run("opening_hours", day="someday").code == "bad_arguments"
'''
_SCRIPT = """\
# What the offline model says: it matches the newest message against these rules, and marks everything it says.
replies:
  - when: '(?i)open on (?P<day>\\w+day)'
    calls:
      - {name: opening-hours, arguments: {day: "{day}"}}
    reply: "The shop is {output}."
"""
_CI = """\
# Plans in pull requests, applies on main. The key is a secret of the repository.
name: assistants
on:
  pull_request:
  push: {branches: [main]}
jobs:
  assistants:
    runs-on: ubuntu-latest
    permissions: {contents: read}
    env: {DASHSCOPE_API_KEY: "${{ secrets.DASHSCOPE_API_KEY }}"}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - run: pip install assistant-orchestrator pytest
      - run: orchestrator fmt --check
      - run: orchestrator validate -e production
      - run: orchestrator plugin test
      - if: github.event_name == 'pull_request'
        run: orchestrator plan -e production --base origin/main --format github
      - if: github.ref == 'refs/heads/main'
        run: orchestrator apply -e production --yes
"""
_HOOK = """\
#!/bin/sh
# Checks manifests before a commit; switch it on with: git config core.hooksPath .githooks
orchestrator fmt --check && orchestrator validate
"""
_IGNORED = ".orchestrator/\n__pycache__/\n"


def files() -> dict[str, str]:
    """Text by path, but for `schema.json`, which is made of the models."""
    return {
        "assistants.d/environments.yaml": _ENVIRONMENTS,
        "assistants.d/guide.yaml": _GUIDE,
        "plugins/shop.py": _PLUGIN,
        "tests/test_shop.py": _TEST,
        "models/demo.yaml": _SCRIPT,
        ".github/workflows/assistants.yaml": _CI,
        ".githooks/pre-commit": _HOOK,
        ".gitignore": _IGNORED,
    }
