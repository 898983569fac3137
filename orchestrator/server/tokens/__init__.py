"""How many tokens a text is: Qwen's own tokenizer where it is installed and the model is a Qwen, else an estimate."""

from __future__ import annotations

import re
from functools import cache

from orchestrator.server.tokens.counts import Counts
from orchestrator.server.tokens.door import Tokenizer, most
from orchestrator.server.tokens.qwen import Qwen, vocabulary
from orchestrator.wire.estimate import Estimate

__all__ = ["Counts", "Tokenizer", "most", "tokenizer"]

_QWEN = re.compile(r"q(wen|wq|vq)", re.IGNORECASE)  # qwen-plus, Qwen/Qwen3-8B, qwq:32b, qvq-max, …
_ESTIMATE = Estimate()


def tokenizer(model: str) -> Tokenizer:
    """The tokenizer for a model's name."""
    return (_qwen() if _QWEN.search(model) else None) or _ESTIMATE


@cache
def _qwen() -> Qwen | None:
    file = vocabulary()
    return None if file is None else Qwen(file, _ESTIMATE)
