"""Bring a target in line. The file list is the flow: desired, observed, changes, plans, guards, results, report."""
