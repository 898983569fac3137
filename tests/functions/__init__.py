"""Tests of plug-in functions."""
