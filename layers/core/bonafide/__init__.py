"""Bonafide's core: the words, the rules and the adapters that every function shares."""

__version__ = "0.1.0"
