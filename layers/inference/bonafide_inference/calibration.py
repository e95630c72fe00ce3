"""From a detector's raw score to a log-likelihood ratio, a probability and its interval.

The prior is stated once: 0.5. So ``p = 1 / (1 + exp(-llr))``; who has another prior adds its log-odds to
the LLR. No numpy: three numbers a finding do not need it, and the owner's side may use this too.
"""

from __future__ import annotations

import bisect
import math
from typing import Annotated, Literal

from bonafide.model import Interval
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["PRIOR", "Calibrated", "Calibration", "LikelihoodRatioTable", "Platt", "probability"]

PRIOR = 0.5
"""Prior probability of manipulation behind every ``p_fake``."""


class Calibrated(BaseModel):
    """One calibrated score: LLR in nats, its probability at `PRIOR`, and a 95 % interval."""

    llr: float
    p_fake: float
    interval: Interval


def probability(llr: float) -> float:
    """``1 / (1 + exp(-llr))`` without overflow; 0.5 at 0."""
    if llr >= 0:
        return 1.0 / (1.0 + math.exp(-llr))
    grown = math.exp(llr)
    return grown / (1.0 + grown)


class _Base(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Platt(_Base):
    """``llr = slope · score + offset``, bounded to what the amount of data can support.

    ``covariance`` is of (slope, offset), from a bootstrap over sources; absent means no honest interval
    is known, and the interval is then [0, 1].
    """

    kind: Literal["platt"]
    slope: float
    offset: float
    covariance: tuple[float, float, float] | None = Field(None, description="var(slope), cov, var(offset)")
    llr_low: float = -4.6
    llr_high: float = 4.6

    def apply(self, score: float) -> Calibrated:
        """Calibrate one finite score.

        Raises
        ------
        ValueError
            If the score is not finite.
        """
        _finite(score)
        llr = self.slope * score + self.offset
        if self.covariance is None:
            interval = Interval(low=0.0, high=1.0)
        else:
            slope_var, cov, offset_var = self.covariance
            spread = 1.96 * math.sqrt(max(0.0, score * score * slope_var + 2 * score * cov + offset_var))
            low, high = self._bound(llr - spread), self._bound(llr + spread)
            interval = Interval(low=probability(low), high=probability(high))
        llr = self._bound(llr)
        return Calibrated(llr=llr, p_fake=probability(llr), interval=interval)

    def _bound(self, llr: float) -> float:
        return min(self.llr_high, max(self.llr_low, llr))


class LikelihoodRatioTable(_Base):
    """Linear interpolation in a monotone table of (score, llr, low, high); flat beyond its ends.

    ``isotonic-table`` and ``likelihood-ratio-table`` differ only in how the table was fitted.
    """

    kind: Literal["isotonic-table", "likelihood-ratio-table"]
    score: tuple[float, ...] = Field(min_length=2)
    llr: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @model_validator(mode="after")
    def _aligned(self) -> LikelihoodRatioTable:
        if not len(self.score) == len(self.llr) == len(self.low) == len(self.high):
            raise ValueError("the columns of the table differ in length")
        if any(b <= a for a, b in zip(self.score, self.score[1:], strict=False)):
            raise ValueError("the scores of the table do not rise")
        if any(b < a for a, b in zip(self.llr, self.llr[1:], strict=False)):
            raise ValueError("the LLRs of the table fall")
        return self

    def apply(self, score: float) -> Calibrated:
        """Calibrate one finite score; ``ValueError`` when it is not finite."""
        _finite(score)
        llr = self._at(score, self.llr)
        low, high = min(llr, self._at(score, self.low)), max(llr, self._at(score, self.high))
        return Calibrated(
            llr=llr, p_fake=probability(llr), interval=Interval(low=probability(low), high=probability(high))
        )

    def _at(self, score: float, column: tuple[float, ...]) -> float:
        if score <= self.score[0]:
            return column[0]
        if score >= self.score[-1]:
            return column[-1]
        right = bisect.bisect_right(self.score, score)
        x0, x1 = self.score[right - 1], self.score[right]
        return column[right - 1] + (column[right] - column[right - 1]) * (score - x0) / (x1 - x0)


def _finite(score: float) -> None:
    if not math.isfinite(score):
        raise ValueError("a score that is not finite cannot be calibrated")


Calibration = Annotated[Platt | LikelihoodRatioTable, Field(discriminator="kind")]
