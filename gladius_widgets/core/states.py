"""Job states, commands, and which of them are legal when: one table each."""

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    PROVISIONING = "provisioning"
    TRAINING = "training"
    PAUSED = "paused"
    STOPPING = "stopping"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # its process is gone and left no exit record

    @property
    def is_active(self) -> bool:
        """Whether the job holds a slot."""
        return self in ACTIVE

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens without a new attempt."""
        return self in FINAL


class Stage(StrEnum):
    """The four stages of a job that has a machine."""

    PREPROCESSING = "preprocessing"
    MODEL_LOADING = "model_loading"
    TRAINING = "training"
    FINALIZATION = "finalization"


class Command(StrEnum):
    """What a user can ask of a job."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CHECKPOINT = "checkpoint"
    VALIDATE = "validate"
    SET = "set"
    REVERT = "revert"
    RELOAD = "reload"
    HOLD = "hold"
    UNHOLD = "unhold"
    REORDER = "reorder"
    AFTER = "after"
    CANCEL = "cancel"


_S = JobStatus

ACTIVE = frozenset({_S.PROVISIONING, _S.TRAINING, _S.PAUSED, _S.STOPPING, _S.CANCELLING})
FINAL = frozenset({_S.COMPLETED, _S.STOPPED, _S.FAILED, _S.CANCELLED, _S.LOST})
# A cancelled job is never resumed; a completed one has nothing left to do.
RESUMABLE = frozenset({_S.STOPPED, _S.FAILED, _S.LOST})

_ENDINGS = {_S.COMPLETED, _S.STOPPED, _S.FAILED, _S.CANCELLED, _S.LOST}

LEGAL_MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    _S.QUEUED: frozenset({_S.PROVISIONING, _S.CANCELLED}),
    _S.PROVISIONING: frozenset({_S.TRAINING, _S.PAUSED, _S.STOPPING, _S.CANCELLING, *_ENDINGS}),
    _S.TRAINING: frozenset({_S.PAUSED, _S.STOPPING, _S.CANCELLING, *_ENDINGS}),
    # pause with release frees the machine, so a paused job can be queued again
    _S.PAUSED: frozenset({_S.TRAINING, _S.QUEUED, _S.STOPPING, _S.CANCELLING, *_ENDINGS}),
    _S.STOPPING: frozenset({_S.CANCELLING, *_ENDINGS}),
    _S.CANCELLING: frozenset({_S.CANCELLED, _S.COMPLETED, _S.STOPPED, _S.FAILED}),
    _S.STOPPED: frozenset({_S.QUEUED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.LOST: frozenset({_S.QUEUED, _S.PROVISIONING, _S.TRAINING, _S.PAUSED, *_ENDINGS}) - {_S.LOST},
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset(),
}

_RUNNING = frozenset({_S.PROVISIONING, _S.TRAINING, _S.PAUSED})

LEGAL_COMMANDS: dict[Command, frozenset[JobStatus]] = {
    Command.PAUSE: frozenset({_S.PROVISIONING, _S.TRAINING}),
    Command.RESUME: frozenset({_S.PAUSED}) | RESUMABLE,
    Command.STOP: _RUNNING,
    Command.CHECKPOINT: _RUNNING,
    Command.VALIDATE: _RUNNING,
    Command.SET: _RUNNING,
    Command.REVERT: _RUNNING,
    Command.RELOAD: _RUNNING,
    Command.HOLD: frozenset({_S.QUEUED}),
    Command.UNHOLD: frozenset({_S.QUEUED}),
    Command.REORDER: frozenset({_S.QUEUED}),
    Command.AFTER: frozenset({_S.QUEUED}),
    Command.CANCEL: frozenset({_S.QUEUED, _S.STOPPING}) | _RUNNING,
}


def is_legal_move(current: JobStatus, new: JobStatus) -> bool:
    """Whether a job in `current` may become `new`."""
    return new in LEGAL_MOVES[current]


def is_legal_command(current: JobStatus, command: Command) -> bool:
    """Whether a job in `current` can be asked to do `command`."""
    return current in LEGAL_COMMANDS[command]
