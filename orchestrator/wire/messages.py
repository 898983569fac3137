"""Limits of messages (the vendor publishes none; the server's own)."""

from __future__ import annotations

MESSAGES_COUNT = 100  # in one request
