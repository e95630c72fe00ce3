"""Words of weighing: what one model said, how several are weighed, and what makes a verdict of the sum."""

from __future__ import annotations

from pydantic import Field, model_validator

from bonafide.words import Interval, Operation, Outcome, Probability, Word

__all__ = ["Policy", "Voice", "Weights"]


class Policy(Word):
    """Thresholds on calibrated ``p_fake`` at a prior of 0.5.

    ``certain`` asks that the whole interval lies on the verdict's side of one half; models that
    contradict each other decide nothing without it, either. From ``review_at`` on, below ``manipulated_at``,
    a person should look.
    """

    name: str = Field(pattern="^[a-z0-9_-]{1,40}$")
    manipulated_at: Probability
    review_at: Probability | None = None
    genuine_at: Probability
    certain: bool = True

    @model_validator(mode="after")
    def _apart(self) -> Policy:
        if self.genuine_at > self.manipulated_at:
            raise ValueError("genuine_at lies above manipulated_at")
        return self


class Voice(Word):
    """What one model said of the whole file: the median over its pieces, before fusion."""

    model: str
    version: str
    shadow: bool = Field(False, description="Shown, not fused.")
    outcome: Outcome
    p_fake: Probability | None = None
    llr: float | None = None
    interval: Interval | None = None
    reason: str | None = None
    weight: float | None = Field(
        None, description="Fitted weight of its LLR; none where the plain rule fused."
    )


class Weights(Word):
    """Weights of the LLRs of one exact set of models, fitted together, so that dependence is accounted for.

    ``llr = offset + Σ weight · llr of the model``, bounded to ``±limit``. Models are ``name@version``: a new
    version is another model, and has no weight until one is fitted.
    """

    operation: Operation
    weights: dict[str, float] = Field(min_length=2)
    offset: float
    limit: float = Field(gt=0, description="Of |LLR| in nats: what the amount of data can support.")
    figures: dict[str, float | int | str] = Field({}, description="Measured on held-out sources.")

    @model_validator(mode="after")
    def _not_negative(self) -> Weights:
        if any(weight < 0 for weight in self.weights.values()):
            raise ValueError("a weight is negative: a model would speak against itself")
        return self
