"""Pytest puts this folder on the path: the tests here import `process`."""
