"""Measurements: each module prints a table. Nothing here is a test."""
