"""Settings that change while a run trains: set, revert, reload; the same on every rank."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gladius_widgets.core.atomic import read_json, write_bytes
from gladius_widgets.core.config.file_paths import with_absolute_paths
from gladius_widgets.core.config.live import (
    FACTOR_KEY,
    LIVE_KEYS,
    PEAK_KEY,
    LiveSettings,
    check_changes,
    config_values,
    diff,
    is_for_next_attempt,
    is_live,
)
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schedule import Schedule
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.config.yaml_io import dump_yaml
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.estimate import with_estimate_for
from gladius_widgets.training.loop.saver import Saver
from gladius_widgets.training.session.session import Session
from gladius_widgets.training.session.state import planned_steps, planned_totals

_OF_SCHEDULE = ("learning_rate", FACTOR_KEY, PEAK_KEY)
_MOST_UNDO = 100


@dataclass(frozen=True)
class Answer:
    """What a command changed: the settings before and after."""

    old: Any = None
    new: Any = None


class Changes:
    """Changes the session's settings in force.

    Args:
        session: whose.
        saver: knows when the next checkpoint is due.
    """

    def __init__(self, session: Session, saver: Saver) -> None:
        self._s = session
        self._saver = saver

    def set(self, changes: Mapping[str, Any]) -> Answer:
        """Change settings by name (see `core.config.live`).

        Raises:
            GladiusError: a name or value that is not allowed.
        """
        highest = self._s.state.schedule.highest(self._s.state.step)
        checked = check_changes(self._s.config, changes, highest)
        undo, before = self._undo(), self._settings()
        self._apply(checked)
        answer = _changes(before, self._settings())
        if answer.new or self._s.state.schedule.to_dict() != undo["schedule"]:
            self._remember(undo)
        return answer

    def revert(self) -> Answer:
        """Undo the last change.

        Raises:
            GladiusError: there is none.
        """
        state = self._s.state
        if not state.undo:
            raise GladiusError("There is no change to revert.")
        before, undo = self._settings(), state.undo.pop()
        state.live = LiveSettings(**undo["live"])
        state.schedule = Schedule(**undo["schedule"])
        state.file = undo.get("file")
        self.replan()
        return _changes(before, self._settings())

    def reload(self) -> Answer:
        """Apply what has changed in the config file since it was last read.

        Live settings change now; what no loss depends on changes in the frozen config, for the
        next attempt; the rest needs a run of its own. All three are named in the answer, whose
        `changes` are what was set.

        Raises:
            GladiusError: the file cannot be used.
        """
        s = self._s
        new = s.ranks.on_main(self._read_file)
        values, known = config_values(new), s.state.file or config_values(s.config)
        changed = {name: value for name, value in values.items() if value != known[name]}
        frozen = {k: pair for k, pair in diff(s.config, new).items() if not is_live(k)}
        shown = {LIVE_KEYS[name]: [known[name], value] for name, value in changed.items()}
        if "learning_rate" in changed:
            changed[PEAK_KEY] = changed.pop("learning_rate")
        checked = check_changes(s.config, changed) if changed else {}
        later = [key for key in frozen if is_for_next_attempt(key)]
        if later:
            s.ranks.on_main(lambda: self._freeze({key: frozen[key][1] for key in later}))
        undo, before = self._undo(), self._settings()
        self._apply(checked)
        if checked:
            self._remember(undo)
        s.state.file = values
        answer = _changes(before, self._settings())
        told = {
            "applied": answer.new,
            "changes": checked,
            "needs_restart": later,
            "needs_new_run": [key for key in frozen if key not in later],
            "diff": shown | {key: list(pair) for key, pair in frozen.items()},
        }
        return Answer(answer.old, told)

    def show(self) -> None:
        """Settings in force that differ from the config, for status.json.

        The learning rate there is that of the last step; before the first, that of the first.
        """
        s = self._s
        original = LiveSettings.of(s.config).to_dict()
        live = {k: v for k, v in s.state.live.to_dict().items() if v != original[k]}
        if (
            scale := s.state.schedule.scale
        ) != 1.0 or s.state.schedule.peak != s.config.optimization.learning_rate:
            live |= {"learning_rate": s.state.learning_rate, "learning_rate_scale": scale}
        if s.state.step == 0 or s.reporter.status.learning_rate is None:
            rate = s.state.schedule.learning_rate(max(0, s.state.step - 1))
            s.reporter.update(learning_rate=rate)
        s.reporter.update(
            live=live,
            weight_decay=s.state.live.weight_decay,
            schedule=s.state.schedule.to_dict(),
        )
        self._saver.report()

    def _apply(self, changes: Mapping[str, Any]) -> None:
        state = self._s.state
        live = {name: value for name, value in changes.items() if name not in _OF_SCHEDULE}
        state.live = replace(state.live, **live)
        self.replan()
        state.schedule = state.schedule.with_changes(state.step, changes)
        self.show()

    def replan(self) -> None:
        """How many steps are left may have changed with the batch size."""
        s = self._s
        total = planned_steps(
            s.config, s.state.live, s.dataset_size, step=s.state.step, samples=s.state.samples
        )
        s.state.schedule = s.state.schedule.with_total_steps(s.state.step, total)
        s.state.total_steps = total
        s.reporter.update(**planned_totals(s.config, s.state, s.dataset_size))
        self.show()

    def _undo(self) -> dict[str, Any]:
        state = self._s.state
        settings = {"schedule": state.schedule.to_dict(), "live": state.live.to_dict()}
        return {**settings, "file": state.file}

    def _remember(self, undo: dict[str, Any]) -> None:
        undos = self._s.state.undo
        undos.append(undo)
        del undos[:-_MOST_UNDO]

    def _read_file(self) -> TrainingConfig:
        job = read_json(self._s.run.job) or {}
        path = job.get("config_file")
        if not path:
            raise GladiusError("The run was not started from a config file.", "Use set instead.")
        # As at submit, or each relative path and each override would look like a change.
        overrides = job.get("overrides", ())
        config = load_config(path, overrides)
        if overrides:
            config, _ = with_estimate_for(config, load_config(path))
        return with_absolute_paths(config, Path(path).parent)

    def _freeze(self, changes: Mapping[str, Any]) -> None:
        """Let the next attempt start with these."""
        plain = load_config(self._s.run.config).to_plain()
        for key, value in changes.items():
            section, name = key.split(".")
            plain[section][name] = value
        text = dump_yaml(plain, "Frozen at submit; changed by a reload for the next attempt.")
        try:
            write_bytes(self._s.run.config, text.encode())
        except OSError as error:
            raise GladiusError(
                f"The config for the next attempt could not be written: {error.strerror}.",
                "Check the disk's space.",
            ) from None

    def _settings(self) -> dict[str, Any]:
        state = self._s.state
        return {"learning_rate": state.learning_rate, **state.live.to_dict()}


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Answer:
    names = [name for name in before if before[name] != after[name]]
    return Answer({n: before[n] for n in names}, {n: after[n] for n in names})
