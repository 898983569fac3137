"""OpenAPI documents as plug-ins: each operation that is wanted becomes a function.

Flow: `document` (text → a checked document) → `operations` (→ `Operation`, with `shapes` for schemas) → `requests`
(arguments → one HTTP request) → `unit` (→ functions of the registry, which go out through the guard).
"""

from __future__ import annotations
