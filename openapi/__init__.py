"""The OpenAPI documents, one an API, and what writes them: ``make openapi``."""
