"""Sensity's words for the core's: wire models and translation, nothing more."""
