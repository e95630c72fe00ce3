"""One folder a detector: ``detector.py``, ``model.json``, ``card.md`` (and ``model.onnx`` when learned)."""
