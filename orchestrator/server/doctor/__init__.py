"""Looks at everything that a server needs, and says what is missing or wrong, with a remedy. Changes nothing."""
