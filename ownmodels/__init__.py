"""An owner's own models: checked, measured, calibrated, weighed, and kept in their bucket (docs/models)."""
