"""Folders of manifests made on the spot, and one good example of each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orchestrator.manifests import Loaded, load

EXAMPLE = """\
apiVersion: orchestrator/v1
kind: Assistant
metadata:
  name: weather
  labels: {team: demo}
  previousNames: [weather-bot]
spec:
  displayName: Weather guide        # the API's `name`
  description: Answers questions about the weather.
  model: qwen-plus
  instructions:
    template: house-style
    variables: {role: weather guide, city: Hangzhou}
  tools:
    - ref: get_forecast
    - {ref: refund, approval: ask}
    - type: code_interpreter
    - type: text_to_image
    - plugin: crm
  context: {strategy: last_messages, lastMessages: 30}
  limits: {toolRounds: 8, toolTimeout: 20s, runTimeout: 3m}
  metadata: {owner: support}
  protect: true
---
apiVersion: orchestrator/v1
kind: Template
metadata: {name: house-style}
spec:
  variables:
    - {name: role, type: string, required: true}
    - {name: city, type: string, default: Beijing}
  body: |
    You are a {{ role }} for {{ city }}. {% include "tone.md.j2" %}
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: get_forecast}
spec:
  function: weather.forecast
  description: The forecast.
  parameters: {type: object, properties: {city: {type: string}}}
  timeout: 5s
  retries: 1
  approval: auto
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: refund}
spec: {function: shop.refund}
---
apiVersion: orchestrator/v1
kind: Plugin
metadata: {name: crm}
spec:
  hosted: {id: plugin_7c1e, auth: {userToken: {fromEnv: PLUGIN_TOKEN}}}
---
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: production}
spec:
  target: {dialect: dashscope, baseUrl: "${env.BASE:=https://example.com/v1}", apiKey: {fromEnv: KEY}, workspace: ws}
  variables: {city: Shanghai}
  patches:
    - {select: {labels: {team: demo}}, merge: {spec: {model: {name: qwen-max}}}}
  policy: {prune: confirm, maxDeletes: 5, maxDeletePercent: 20, selfHeal: false}
  requests: {concurrency: 8, perSecond: 10}
  models:
    - {match: "qwen-*", baseUrl: https://example.com/v1, apiKey: {fromEnv: KEY}, contextTokens: 131072}
    - {match: "*", script: models/demo.yaml}
"""

Folder = Callable[..., Loaded]


@pytest.fixture
def example() -> str:
    return EXAMPLE


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """`folder({"a.yaml": text, …}, environ)` writes the files into assistants.d and loads it."""

    def make(files: Mapping[str, str | bytes], environ: Mapping[str, str] | None = None) -> Loaded:
        root = tmp_path / "assistants.d"
        root.mkdir(exist_ok=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(root, environ or {})

    return make


@pytest.fixture
def assistant() -> Callable[..., str]:
    """`assistant("tools: []", name="x")` is the text of an assistant with these lines in its spec."""

    def make(*lines: str, name: str = "a", model: str = "model: qwen-plus") -> str:
        head = f"apiVersion: orchestrator/v1\nkind: Assistant\nmetadata: {{name: {name}}}\nspec:\n"
        return head + "".join(f"  {line}\n" for line in (model, *lines) if line)

    return make
