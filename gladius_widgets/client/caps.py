"""Caps on a job's money and time: one that is over a cap goes on only with a new one."""

import time
from collections.abc import Mapping
from typing import Any

from gladius_widgets.core.atomic import write_bytes
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.config.yaml_io import dump_yaml
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.cost import (
    BudgetState,
    billable_s,
    budget_state,
    is_over_runtime,
    price_of,
)
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.registry.home_errors import home_error
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.run.records import numbered_spans

CAP_KEYS = ("cost.budget", "queue.max_runtime_hours")


def take_caps(args: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of a resume without the caps among its settings; and those caps."""
    rest = dict(args or {})
    settings = dict(rest.get("set") or {})
    caps = {key: settings.pop(key) for key in CAP_KEYS if key in settings}
    return (rest | {"set": settings} if caps else rest), caps


def check_caps(job: Job, run: RunDirectory, caps: Mapping[str, Any]) -> TrainingConfig:
    """The job's config with the given caps, as its next attempt will hold to them.

    Raises:
        GladiusError: the job is over one of them, a value is not right, or a process of it is
            there, which holds to the caps it began with.
    """
    if caps and job.holds_slot:
        raise GladiusError(
            f"'{job.name}' still has its machine, so it cannot be given new caps.",
            "Pause it with release, then resume it with them.",
        )
    overrides = [f"{key}={'null' if value is None else value}" for key, value in caps.items()]
    config = load_config(run.config, overrides)
    billed_s = billable_s((span for _, span in numbered_spans(run)), time.time())
    _check_budget(job, config, billed_s)
    limit = config.queue.max_runtime_hours
    if is_over_runtime(billed_s, limit):
        raise GladiusError(
            f"'{job.name}' has run for {billed_s / 3600:.2f} of the {limit:g} h it may, so it "
            "would be stopped again at once.",
            _hint(job, "queue.max_runtime_hours", "HOURS"),
        )
    return config


def freeze_caps(run: RunDirectory, config: TrainingConfig) -> None:
    """Let the next attempt start with the config that `check_caps` gave.

    Raises:
        GladiusError: it cannot be written.
    """
    text = dump_yaml(config.to_plain(), "Frozen at submit; given new caps at a resume.")
    try:
        write_bytes(run.config, text.encode())
    except OSError as error:
        raise home_error(error, run.home) from error


def _check_budget(job: Job, config: TrainingConfig, billed_s: float) -> None:
    cost = config.cost
    spent = price_of(billed_s, job.hourly_rate, job.gpus)
    is_over = budget_state(spent, cost.budget, cost.warn_percent) == BudgetState.OVER
    if cost.on_budget == "warn" or not is_over:
        return
    ended = {"pause": "paused", "stop": "stopped"}[cost.on_budget]
    raise GladiusError(
        f"'{job.name}' has spent {spent:.2f} of its budget of {cost.budget:.2f} {job.currency}, "
        f"so it would be {ended} again at once.",
        _hint(job, "cost.budget", "AMOUNT"),
    )


def _hint(job: Job, key: str, value: str) -> str:
    return f"Give it a new cap: gladius resume {job.id} --set {key}={value}."
