"""The eight controls: what each does, when it can be used, and why it cannot."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from gladius_widgets.core.states import LEGAL_COMMANDS, Command, JobStatus, is_legal_command
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text import home


@dataclass(frozen=True)
class Control:
    """One button. `reason` says why it is disabled; empty means that it can be used."""

    name: str
    label: str
    icon: str
    keys: str
    tip: str
    reason: str = ""
    danger: bool = False
    short: str = ""

    @property
    def enabled(self) -> bool:
        """Whether it can be used now."""
        return not self.reason

    @property
    def title(self) -> str:
        """Its tooltip: what it does or why not, and its shortcut."""
        return f"{self.reason or self.tip} ({self.keys})"


@dataclass(frozen=True)
class ControlsView:
    """All controls, in the order of the design, and the mode line."""

    controls: tuple[Control, ...]
    mode: str

    def __getitem__(self, name: str) -> Control:
        """The control of that name."""
        return next(control for control in self.controls if control.name == name)


_PENDING = {
    "pause": "Pausing…",
    "resume": "Resuming…",
    "stop": "Stopping…",
    "checkpoint": "Saving…",
    "reload": "Reading…",
    "validate": "Validating…",
    "set": "Changing…",
}


def view(job: JobSnapshot, supported: Collection[Command], pending: str = "") -> ControlsView:
    """The controls of `job`.

    Args:
        job: the job at this moment.
        supported: the commands that the client can send.
        pending: the control whose command has no answer yet.
    """
    look_only = home.refusal(job.home)

    def why_not(command: Command) -> str:
        if command not in supported:
            return "Not available in this version"
        if is_legal_command(job.status, command):
            return look_only
        return f"Not possible while the job is {job.status}"

    resumes = _resumes(job.status)
    first = (
        Control(
            "resume", "Resume Training", "play", "F2", "Go on training",
            why_not(Command.RESUME), short="Resume",
        )
        if resumes
        else Control(
            "pause", "Pause Training", "pause", "F2", "Pause at the next batch boundary",
            why_not(Command.PAUSE), short="Pause",
        )
    )  # fmt: skip
    has_rows = job.run is not None and job.run.step > 0
    all_controls = (
            first,
            Control(
                "stop", "Stop Training…", "stop", "F3", "Save a last checkpoint and stop",
                why_not(Command.STOP), danger=True, short="Stop",
            ),
            Control(
                "checkpoint", "Save Checkpoint", "save", "F5", "Save a checkpoint now",
                why_not(Command.CHECKPOINT), short="Save",
            ),
            Control(
                "reload", "Reload Config", "sync", "Ctrl ⇧ R", "Read the config file again",
                why_not(Command.RELOAD),
            ),
            Control(
                "export", "Export Metrics", "download", "Ctrl ⇧ E", "Save all metrics to a file",
                "" if has_rows else "There are no metrics yet",
            ),
            Control(
                "set", "Adjust Hyperparams", "sliders", "Ctrl ⇧ H", "Change settings of this run",
                why_not(Command.SET),
            ),
            Control(
                "validate", "Run Validation", "target", "F8", "Validate now",
                why_not(Command.VALIDATE), short="Validate",
            ),
            Control(
                "tensorboard", "View TensorBoard", "trend", "F9", "Open TensorBoard",
                "Not opened from here yet; run `tensorboard --logdir` on the run folder",
                short="TensorBoard",
            ),
    )  # fmt: skip
    return ControlsView(tuple(_waiting(c, pending) for c in all_controls), mode(job))


def _waiting(control: Control, pending: str) -> Control:
    """The control while its command has no answer yet."""
    if control.name != pending or not control.enabled:
        return control
    label = _PENDING.get(control.name, control.label)
    return replace(control, label=label, short=label, reason="Waiting for the trainer's answer")


def mode(job: JobSnapshot) -> str:
    """How the run is spread: `Single GPU`, `Distributed (2x GPU)`, `CPU`."""
    run = job.run
    if run is None or run.device is None:
        return fmt.UNKNOWN
    kind = "CPU" if run.device.lower().startswith("cpu") else "GPU"
    size = run.world_size or 1
    if size > 1:
        return f"Distributed ({size}x {kind})"
    return "Single GPU" if kind == "GPU" else "CPU"


def shortcut_words(controls: ControlsView) -> tuple[tuple[str, str], ...]:
    """Key and word of the most used ones, for the footer."""
    return tuple((c.keys, c.short) for c in controls.controls if c.short)


def _resumes(status: JobStatus) -> bool:
    """Whether the first button resumes; it pauses where neither is possible."""
    return status in LEGAL_COMMANDS[Command.RESUME]
