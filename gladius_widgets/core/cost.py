"""All money arithmetic. Amounts are in the job's currency; unknown is None, never 0."""

from collections.abc import Iterable
from dataclasses import dataclass

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class BillableSpan:
    """From provisioning until the machine was released (unix s); `ended_at` None = still held."""

    started_at: float
    ended_at: float | None = None

    def duration_s(self, now: float) -> float:
        """Seconds billed until `now`, never negative."""
        end = now if self.ended_at is None else self.ended_at
        return max(0.0, end - self.started_at)


def spent(
    spans: Iterable[BillableSpan], hourly_rate: float | None, gpus: int, now: float
) -> float | None:
    """Σ billable time × hourly rate × GPUs (at least one machine), over attempts.

    Returns None when the rate is not known.
    """
    if hourly_rate is None:
        return None
    seconds = sum(span.duration_s(now) for span in spans)
    return seconds / SECONDS_PER_HOUR * hourly_rate * max(1, gpus)


def projected(
    spent_so_far: float | None, remaining_s: float | None, hourly_rate: float | None, gpus: int
) -> float | None:
    """Spent + remaining time × rate; None when any part is unknown."""
    if spent_so_far is None or remaining_s is None or hourly_rate is None:
        return None
    return spent_so_far + remaining_s / SECONDS_PER_HOUR * hourly_rate * max(1, gpus)
