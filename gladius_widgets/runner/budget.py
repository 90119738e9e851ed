"""Watching what a run costs and how long it has had a machine, and asking for an end at the cap.

What it asks for are ordinary requests, so they are in the ledger beside those of people.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.cost import (
    SECONDS_PER_HOUR,
    BudgetState,
    budget_state,
    is_over_runtime,
    price_of,
)
from gladius_widgets.core.paths import AttemptDirectory, RunDirectory
from gladius_widgets.core.states import Command
from gladius_widgets.core.text.amounts import amount_text
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.store.run.records import numbered_spans, read_proc

logger = logging.getLogger(__name__)

NAME = "budget guard"
# A request that was refused (a full disk, say) or could not be written is made again after so long.
ASK_AGAIN_S = 60.0

Say = Callable[[str, str, dict[str, Any] | None], None]


class BudgetGuard:
    """Warns once near the budget; at the cap it warns, pauses or stops, as the config says.

    `queue.max_runtime_hours` is a cap too, on time instead of money; there it stops. Each cap is
    held in every attempt: a job that is over one is resumed with a new one (`client.caps`).

    Args:
        run: the run directory; its job.json says what a machine costs.
        attempt: the one that runs now.
        config: the run's config.
        say: writes an event (type, message, payload).
    """

    def __init__(
        self, run: RunDirectory, attempt: AttemptDirectory, config: TrainingConfig, say: Say
    ) -> None:
        self._run, self._say = run, say
        self._cost, self._max_hours = config.cost, config.queue.max_runtime_hours
        record = read_json(run.job)
        record = record if isinstance(record, dict) else {}
        self._hourly_rate = _number(record.get("hourly_rate"))
        self._gpus = int(_number(record.get("gpus")) or 0)
        self._currency = str(record.get("currency") or self._cost.currency)
        has_budget = self._cost.budget is not None and self._hourly_rate is not None
        self.is_needed = has_budget or self._max_hours is not None
        # Cap → command, its request, when it was made.
        self._asked: dict[str, tuple[Command, str, float]] = {}
        if self.is_needed:
            now = time.time()
            earlier = [span for n, span in numbered_spans(run) if n != attempt.number]
            self._earlier_s = sum(span.duration_s(now) for span in earlier)
            self._started_at = _number((read_proc(attempt) or {}).get("started_at")) or now
            self._told = {
                _warning_key(event.payload)
                for event in EventReader(run).poll()
                if event.payload is not None
            }

    @property
    def waits_for(self) -> Command | None:
        """What it has asked for in this attempt and nobody has answered yet."""
        for command, request_id, _ in self._asked.values():
            if requests.ack(self._run, request_id) is None:
                return command
        return None

    def check(self) -> None:
        """Look at the clock; to be called now and then while the run is under way."""
        if not self.is_needed:
            return
        billed_s = self._earlier_s + max(0.0, time.time() - self._started_at)
        try:
            self._check_budget(billed_s)
            self._check_runtime(billed_s)
        except (GladiusError, OSError):  # the next look tries again
            logger.exception("the budget guard could not do its work")

    def _check_budget(self, billed_s: float) -> None:
        spent = price_of(billed_s, self._hourly_rate, self._gpus)
        budget = self._cost.budget
        state = budget_state(spent, budget, self._cost.warn_percent)
        if spent is None or budget is None or state == BudgetState.OK:
            return
        amounts = f"{amount_text(spent)} of {amount_text(budget)} {self._currency}"
        payload = {"spent": spent, "budget": budget, "currency": self._currency}
        if state == BudgetState.WARN:
            message = f"{100 * spent / budget:.0f}% of the budget is spent: {amounts}"
            self._tell("budget", state, message, payload)
            return
        ask = {"pause": Command.PAUSE, "stop": Command.STOP}.get(self._cost.on_budget)
        ends = {"pause": "; saving and freeing the machine", "stop": "; saving and stopping"}
        message = f"The budget is spent: {amounts}{ends.get(self._cost.on_budget, '')}"
        self._tell("budget", state, message, payload | {"on_budget": self._cost.on_budget})
        if ask is not None:
            cap = f"{amount_text(budget)} {self._currency}"
            self._ask("budget", ask, f"the budget of {cap} is spent")

    def _check_runtime(self, billed_s: float) -> None:
        limit = self._max_hours
        if limit is None or not is_over_runtime(billed_s, limit):
            return
        payload = {"billed_s": billed_s, "limit_s": limit * SECONDS_PER_HOUR}
        message = f"It has run for {limit:g} h, the most it may; saving and stopping"
        self._tell("runtime", BudgetState.OVER, message, payload)
        self._ask("runtime", Command.STOP, f"it has run for {limit:g} h, the most it may")

    def _tell(self, kind: str, state: BudgetState, message: str, payload: dict[str, Any]) -> None:
        """A warning, once in the life of the job for each height of the cap."""
        payload = {"kind": kind, "state": state, **payload}
        if (key := _warning_key(payload)) not in self._told:
            self._told.add(key)
            self._say("warning", message, payload)

    def _ask(self, cap: str, command: Command, reason: str) -> None:
        """Make the request, unless it was granted in this attempt, or waits for its answer."""
        if cap in self._asked:
            _, request_id, asked_at = self._asked[cap]
            answer = requests.ack(self._run, request_id)
            if answer is None or answer.outcome == "applied":
                return
            if time.time() - asked_at < ASK_AGAIN_S:
                return
        args: dict[str, Any] = {"reason": reason, "cap": cap}
        if command == Command.PAUSE:
            args["release"] = True  # a held machine goes on costing
        made = requests.request(self._run, command, args, NAME)
        self._asked[cap] = (command, made.id, time.time())


def _warning_key(payload: dict[str, Any]) -> tuple[str, str, str]:
    """What makes two warnings one: the cap, its state and its height."""
    limit = payload.get("budget", payload.get("limit_s"))
    return str(payload.get("kind")), str(payload.get("state")), str(limit)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
