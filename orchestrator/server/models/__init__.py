"""Chat models behind one door: `compatible` (any chat-completions endpoint), `scripted` (offline), `directory` (which)."""
