"""`generate_qrcode`: Makes a QR code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator.tools.kind import Described, text_argument


class GenerateQrcode(Described):
    """Makes a QR code."""

    TYPE: ClassVar[str] = "generate_qrcode"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    DOC: ClassVar[str] = "Makes a QR code."
    PARAMETERS: ClassVar[Mapping[str, Any]] = text_argument("text", "The text that the code holds.")
