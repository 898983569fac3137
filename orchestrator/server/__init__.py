"""The Assistant API, served from here."""
