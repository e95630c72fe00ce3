"""State Fetch: brings media from a public URL into the bucket."""

from __future__ import annotations

from typing import Any

import page_media
from bonafide import fetching
from bonafide.telemetry import instrument


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return ``{refusal, usage}``; a hostile or dead address is a refusal, not an error."""
    return fetching.fetch(event, page_media.find)
