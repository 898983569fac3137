"""Backups of a data folder: taken while the server runs, and put back where none does."""
