"""What things cost and will cost; a part of `Client`."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gladius_widgets.core.money.cost import CostBreakdown, breakdown
from gladius_widgets.core.paths import Home
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.cost_history import CostHistoryReader

if TYPE_CHECKING:
    from gladius_widgets.client.estimates import EarlierRuns
    from gladius_widgets.client.foresight import Warned
    from gladius_widgets.core.config.schema import TrainingConfig
    from gladius_widgets.core.money.estimate import Estimate
    from gladius_widgets.core.money.rates import Rates


@dataclass(frozen=True)
class Quote:
    """What submit freezes about money and time.

    Attributes:
        estimate: as of now.
        keys: for job.json, by which estimates of later runs find this one.
        warnings: what somebody who submits has to know.
        cost_note: why there is no hourly rate; empty with one.
    """

    estimate: "Estimate"
    keys: dict[str, str]
    warnings: "tuple[Warned, ...]"
    cost_note: str

    def columns(self) -> dict[str, Any]:
        """For the registry's row."""
        return {
            "hourly_rate": self.estimate.hourly_rate,
            "currency": self.estimate.currency,
            "cost_note": self.cost_note,
            "estimate_low_s": self.estimate.low_s,
            "estimate_high_s": self.estimate.high_s,
        }


class MoneyQueries(ABC):
    """Rates, estimates, and where a job's money went. `Client` is the one that has it."""

    home: Home
    _registry: Registry
    _earlier_runs: "EarlierRuns | None" = None

    @abstractmethod
    def job(self, ref: str) -> Job:
        """One job."""

    def rates(self) -> "Rates":
        """What machines cost per hour: the home's rates.yaml, else the one that comes with us.

        A file that cannot be used raises nothing: it has no prices, and its `problem` says why.
        """
        from gladius_widgets.core.money.rates import usable_rates

        return usable_rates(self.home)

    def estimate(
        self,
        config: "TrainingConfig | str | os.PathLike[str]",
        overrides: Iterable[str] = (),
        *,
        samples: int | None = None,
        base: "TrainingConfig | None" = None,
    ) -> "Estimate":
        """Steps, time and cost of a run before it is submitted; cheap when asked again.

        Args:
            config: a config, or the path of a YAML file.
            overrides: `section.key=value` strings on top of the file.
            samples: in the training split, where the caller knows better than earlier runs and
                the cache of prepared data.
            base: what the config was made from, such as a preset: an estimate that is written in
                it holds in proportion to the steps.

        Raises:
            GladiusError: the config is not right.
        """
        from gladius_widgets.client.submission import gpu_count, read_config

        frozen, _, note = read_config(config, list(overrides), base)
        told = self._quote(frozen, gpu_count(frozen), samples).estimate
        return replace(told, note=" ".join(filter(None, [told.note, note])))

    def cost(self, ref: str) -> CostBreakdown:
        """What a job cost until now, by attempt and by what it was doing.

        Raises:
            JobNotFoundError: no such job.
        """
        job = self.job(ref)
        history = CostHistoryReader(self.home.run(job.id)).read()
        return breakdown(history, job.hourly_rate, job.gpus, time.time(), job.currency)

    def _quote(self, frozen: "TrainingConfig", gpus: int, samples: int | None = None) -> Quote:
        from gladius_widgets.client.estimates import keys_of
        from gladius_widgets.client.foresight import Warned, memory_of, warnings_of
        from gladius_widgets.core.money.estimate import estimate
        from gladius_widgets.core.money.rates import job_price, unused_gpu_type

        price = job_price(frozen, gpus, self.home)
        keys = keys_of(frozen, gpus)
        measured, known = self._earlier().like(frozen, keys)
        told = estimate(frozen, gpus, price, samples if samples is not None else known, measured)
        memory = memory_of(frozen, gpus)
        warned = warnings_of(frozen, told.steps, memory)
        told = replace(
            told,
            memory=memory.words if memory else "",
            warnings=tuple(one.sentence for one in warned),
        )
        warnings = [unused_gpu_type(frozen)]
        if price.hourly is None and not price.expected:
            warnings.append(f"The cost is unknown. {price.reason}")
            if frozen.cost.budget is not None:
                warnings.append("Until then nobody watches the budget.")
        note = price.reason if price.hourly is None else ""
        if cost := " ".join(filter(None, warnings)):
            warned = (Warned("cost", cost), *warned)
        return Quote(told, keys, warned, note)

    def _earlier(self) -> "EarlierRuns":
        from gladius_widgets.client.estimates import EarlierRuns

        if self._earlier_runs is None:
            self._earlier_runs = EarlierRuns(self.home, self._registry)
        return self._earlier_runs
