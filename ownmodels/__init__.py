"""An owner's own models: checked, measured, calibrated, weighed, and kept in the models bucket (docs/models)."""
