"""`text_to_image`: Draws an image from a description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator.tools.kind import Described, text_argument


class TextToImage(Described):
    """Draws an image from a description."""

    TYPE: ClassVar[str] = "text_to_image"
    ALIASES: ClassVar[tuple[str, ...]] = ("wanx",)
    DOC: ClassVar[str] = "Draws an image from a description."
    PARAMETERS: ClassVar[Mapping[str, Any]] = text_argument("prompt", "What the image shows.")
