"""The inference room: every test makes its own small media."""
