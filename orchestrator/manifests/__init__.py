"""Manifests: files in, frozen models out, and a complaint with its place for everything that is wrong.

Flow: `files` (bytes, with care) → `source`, `markdown` (plain values) → `expressions` → `model`, `environment` →
`checks` → `Loaded`. Then `select` expands one environment and lays its patches over the assistants.
"""

from orchestrator.manifests.environment import (
    Endpoint,
    Environment,
    EnvironmentSpec,
    Requests,
    Script,
    TargetSettings,
)
from orchestrator.manifests.environments import Selection, expand, patched, select
from orchestrator.manifests.fields import SecretPlace
from orchestrator.manifests.loaded import KINDS, Loaded, Manifest
from orchestrator.manifests.loader import load, load_text
from orchestrator.manifests.model import (
    API_VERSION,
    Assistant,
    AssistantSpec,
    Context,
    FromFile,
    FromTemplate,
    InlineText,
    InlineTool,
    Limits,
    Metadata,
    ModelSettings,
    PluginRef,
    Template,
    Tool,
    ToolRef,
    Variable,
)
from orchestrator.manifests.placed import Document, Placed
from orchestrator.manifests.plugins import Plugin
from orchestrator.manifests.policy import Policy
from orchestrator.manifests.schema import json_schema
from orchestrator.manifests.secrets import resolve

__all__ = [
    "API_VERSION",
    "KINDS",
    "Assistant",
    "AssistantSpec",
    "Context",
    "Document",
    "Endpoint",
    "Environment",
    "EnvironmentSpec",
    "FromFile",
    "FromTemplate",
    "InlineText",
    "InlineTool",
    "Limits",
    "Loaded",
    "Manifest",
    "Metadata",
    "ModelSettings",
    "Placed",
    "Plugin",
    "PluginRef",
    "Policy",
    "Requests",
    "Script",
    "SecretPlace",
    "Selection",
    "TargetSettings",
    "Template",
    "Tool",
    "ToolRef",
    "Variable",
    "expand",
    "json_schema",
    "load",
    "load_text",
    "patched",
    "resolve",
    "select",
]
