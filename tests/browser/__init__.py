"""Pages, looked at with a real browser. Needs chromium and node; .ci/run brings both."""
