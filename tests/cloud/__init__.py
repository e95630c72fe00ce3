"""The stack on the embedded cloud."""
