"""What a kind of endpoint is: from its manifest to a unit of functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.diagnostics import Diagnostic, Span
from orchestrator.functions.registry import Unit
from orchestrator.manifests import Placed, Plugin, SecretPlace

Secrets = Callable[[SecretPlace, Span], str]
"""Finds a secret, or raises ManifestsInvalid at the place that is named."""

Kind = Callable[[Placed[Plugin], Path, Secrets, list[Diagnostic]], Unit | None]
"""Makes the unit of a manifest, in the project's folder; complaints are added to the list, None: there is no unit."""
