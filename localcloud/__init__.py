"""The embedded cloud: starts it, deploys the real template into it, submits files, shows the answer."""
