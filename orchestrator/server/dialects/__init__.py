"""Ways of speaking the Assistant API: one file per dialect, one list that names them."""

from __future__ import annotations

from orchestrator.server.dialects.dashscope import Dashscope
from orchestrator.server.dialects.dialect import Dialect
from orchestrator.server.dialects.openai import Openai

DIALECTS: tuple[Dialect, ...] = (Dashscope(), Openai())

__all__ = ["DIALECTS", "Dialect"]
