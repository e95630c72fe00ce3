"""What was said: the words of every speech-to-text engine, and the finding made of them. Pure.

A transcript is no score: its finding is ``inconclusive`` / ``not_a_score``, with the text as its detail.
"""

from __future__ import annotations

from pydantic import Field

from bonafide.model import Evidence, Finding, Operation, Outcome, Word

__all__ = ["MOST_DETAIL", "Transcript", "Utterance"]

MOST_DETAIL = 2000
"""Characters of the text that a summary shows; ``details`` and ``findings.json`` have all of it."""


class Utterance(Word):
    """One spoken word with its time in the media, and how sure the engine is (0..1)."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


class Transcript(Word):
    """The words of one engine. ``text`` is theirs joined, unless the engine gave it with punctuation."""

    engine: str
    engine_version: str | None = None
    language: str = Field(description="BCP 47.")
    language_identified: bool
    words: tuple[Utterance, ...] = ()
    punctuated: str | None = None
    transcribed_s: float | None = None
    complete: bool = True
    translator: str | None = None
    translation: str | None = Field(None, description="In English.")
    translation_reason: str | None = Field(None, description="Why there is none.")

    @property
    def text(self) -> str:
        """All that was said."""
        return self.punctuated or " ".join(word.text for word in self.words)

    def within(self, start_s: float | None, end_s: float | None) -> Transcript:
        """Return the words of this stretch only; what is not cut keeps its punctuation."""
        kept = tuple(
            word
            for word in self.words
            if (start_s is None or word.end_s > start_s) and (end_s is None or word.start_s < end_s)
        )
        if len(kept) == len(self.words):
            return self
        return self.model_copy(update={"words": kept, "punctuated": None})

    def finding(self) -> Finding:
        """Return the finding that tells of it; ``no_speech`` when there is not one word."""
        if not self.text:
            return Finding(
                operation=Operation.TRANSCRIPTION,
                outcome=Outcome.NOT_APPLICABLE,
                reason="no_speech",
                detail=f"{self.engine} heard no words.",
            )
        told = {
            "engine": self.engine,
            "engine_version": self.engine_version,
            "language": self.language,
            "language_identified": self.language_identified,
            "text": self.text,
            "transcribed_s": self.transcribed_s,
            "complete": self.complete,
        }
        translation = {
            "engine": self.translator,
            "language": "en" if self.translation else None,
            "text": self.translation,
            "reason": self.translation_reason,
        }
        words = [word.model_dump(exclude_none=True) for word in self.words]
        return Finding(
            operation=Operation.TRANSCRIPTION,
            outcome=Outcome.INCONCLUSIVE,
            reason="not_a_score",
            detail=self.text[:MOST_DETAIL],
            evidence=Evidence(
                values={"engine": self.engine, "language": self.language, "words": len(self.words)},
                details={"transcription": told, "translation": translation, "words": words},
            ),
        )
