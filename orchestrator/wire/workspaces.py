"""What a workspace is called (source: the vendor's SDK checks ids by this pattern)."""

from __future__ import annotations

import re

WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
DEFAULT_WORKSPACE = "default"  # of who names none
