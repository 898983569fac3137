"""The server's database: a door, the verbs behind it, and an engine."""
