"""What happens to a config between the user's file and the run directory."""

import os
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gladius_widgets.core import private, reserve
from gladius_widgets.core.atomic import write_bytes
from gladius_widgets.core.config.chat_template import check_chat_template
from gladius_widgets.core.config.file_paths import with_absolute_paths
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.config.yaml_io import dump_yaml, read_yaml
from gladius_widgets.core.data_files import check_data
from gladius_widgets.core.errors import ConfigError, GladiusError
from gladius_widgets.core.machine.gpus import look_at_gpus
from gladius_widgets.core.machine.launcher import accelerate_path
from gladius_widgets.core.model.files import check_model
from gladius_widgets.core.money.estimate import with_estimate_for
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus

MAX_NAME_CHARS = 200
# Control, surrogate, format (which also reorder the text around them) and separator characters
# could make one name look like another; so could these letters and marks that show nothing.
_UNSEEN = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINER, _NON_JOINER, _EMOJI_STYLE = "\u200d", "\u200c", "\ufe0f"
# Scripts whose spelling needs the joiners: Arabic, Syriac, the Indic ones, Mongolian.
_JOINED_SCRIPTS = re.compile("[\u0620-\u074a\u0750-\u077f\u08a0-\u08c9\u0900-\u0dff\u1820-\u18aa]")
# A flag of a region: a black flag, its code in tag characters, and their end.
_TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f")
_MOE_WORDS = ("moe", "mixtral")


def check_name(name: str) -> str:
    """The name as it will be shown.

    Raises:
        GladiusError: empty, too long, or with characters that cannot be seen; those that join
            emoji are kept.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise GladiusError("The job's name is empty.", "Give it one, or leave --name out.")
    if len(name) > MAX_NAME_CHARS:
        raise GladiusError(
            f"The job's name has {len(name)} characters; {MAX_NAME_CHARS} is the most.",
            "Shorten it.",
        )
    unseen = _first_unseen(_TAGGED_FLAG.sub("\U0001f3f4", name))
    if unseen:
        raise GladiusError(
            f"The job's name holds a control or invisible character (U+{ord(unseen):04X}).",
            "Leave it out.",
        )
    if not any(unicodedata.category(c)[0] in "LNPS" for c in name):
        raise GladiusError("The job's name has nothing that can be seen.", "Add a letter.")
    return name


def _first_unseen(name: str) -> str:
    """The first character that a reader does not see, unless its script needs it; else empty."""
    for place, c in enumerate(name):
        is_unseen = unicodedata.category(c) in _UNSEEN or c in _BLANK
        if is_unseen and not _joins(name, place):
            return c
    return ""


def _joins(name: str, place: int) -> bool:
    """Whether the character joins two emoji, or shapes two letters of a script that needs it."""
    c, around = name[place], (name[:place][-1:], name[place + 1 :][:1])
    if c not in (_JOINER, _NON_JOINER):
        return False
    if all(_JOINED_SCRIPTS.match(one) for one in around):
        return True
    return c == _JOINER and _is_between_emoji(name, place)


def _is_between_emoji(name: str, place: int) -> bool:
    before, after = name[:place][-1:], name[place + 1 :][:1]
    kinds = [unicodedata.category(c) for c in (before, after) if c]
    # Sk: a skin tone; Sm: some arrows that an emoji is joined to.
    return (
        len(kinds) == 2
        and (before == _EMOJI_STYLE or kinds[0] in ("So", "Sk"))
        and kinds[1] in ("So", "Sm")
    )


def make_id(name: str) -> str:
    """A short id that starts like the name, such as `moe-chitchat-3f9a1c`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:32].strip("-") or "job"
    return f"{slug}-{secrets.token_hex(3)}"


def config_line(config: TrainingConfig) -> str:
    """What kind of run on what machine, such as `MoE · Local CPU` or `LoRA r=16 · 2× H100`."""
    names = [config.model.name, str((config.model.from_scratch or {}).get("model_type", ""))]
    is_moe = any(word in name.lower() for name in names for word in _MOE_WORDS)
    method = f"LoRA r={config.lora.r}" if config.lora.enabled else "" if is_moe else "Full"
    kind = " ".join(word for word in ("MoE" if is_moe else "", method) if word)
    return f"{kind} · {_machine(config)}"


def gpu_count(config: TrainingConfig) -> int:
    """GPUs that the job gets to itself and is billed for, one a process; 0 for a job on CPUs."""
    wanted = config.resources
    on_gpu = wanted.device == "gpu" or (wanted.device == "auto" and bool(look_at_gpus().gpus))
    if not on_gpu:
        return 0
    if wanted.accelerate_config is not None:
        return _launched_by(wanted.accelerate_config, wanted.processes)
    return wanted.processes


@dataclass(frozen=True)
class Plan:
    """A job that is about to be queued.

    Attributes:
        id: its id.
        config: frozen, with absolute paths.
        row: columns of its registry row; `Client` adds what it costs.
        origin: what else job.json says.
    """

    id: str
    config: TrainingConfig
    row: dict[str, Any]
    origin: dict[str, Any]


def read_config(
    config: TrainingConfig | str | os.PathLike[str],
    overrides: list[str],
    base: TrainingConfig | None = None,
) -> tuple[TrainingConfig, Path | None, str]:
    """A config as it will be frozen: with absolute paths, and its own estimate up to date.

    Args:
        config: a config, or the path of a YAML file.
        overrides: `section.key=value` strings on top of the file.
        base: what a given config was made from.

    Returns:
        The config, its file if it is from one, and a sentence on its estimate if that is
        another than the one written in it.

    Raises:
        GladiusError: the config, or a file it names, is not right.
    """
    if isinstance(config, str | os.PathLike):
        source = Path(config).expanduser()
        _check_path(source.absolute())
        parsed = load_config(source, overrides)
        base = load_config(source) if overrides and parsed.cost.estimate_low is not None else None
    else:
        source, parsed = None, config
        if overrides:
            raise TypeError("overrides go with a config file, not with a TrainingConfig")
    parsed, note = (parsed, "") if base is None else with_estimate_for(parsed, base)
    frozen = with_absolute_paths(parsed, source.absolute().parent if source else None)
    check_model(frozen.model)
    check_chat_template(frozen.model.chat_template)
    check_data(frozen.data)
    return frozen, source, note


def prepare(
    config: TrainingConfig | str | os.PathLike[str],
    name: str | None,
    overrides: list[str],
    base: TrainingConfig | None = None,
) -> Plan:
    """Everything about a new job that can be said before anything is written; see `read_config`.

    Raises:
        GladiusError: the config, the name, or a file it names is not right, or nothing here could
            start it.
    """
    frozen, source, _ = read_config(config, overrides, base)
    if frozen.resources.engine == "local":  # the other engines have a launcher of their own
        accelerate_path()
    name = check_name(name if name is not None else source.stem if source else "job")
    job_id = make_id(name)
    row = {
        "id": job_id,
        "name": name,
        "created_at": time.time(),
        "config_line": config_line(frozen),
        "engine": frozen.resources.engine,
        "gpus": gpu_count(frozen),
        "max_attempts": frozen.queue.max_attempts,
        "retry_backoff_s": frozen.queue.retry_backoff_s,
    }
    origin = {"config_file": source and str(source.absolute()), "overrides": overrides}
    return Plan(job_id, frozen, row, origin)


def write_run(run: RunDirectory, plan: Plan) -> None:
    """The run directory, up to job.json, which makes it one."""
    run.create()
    private.touch(run.log)
    private.touch(run.events)
    write_bytes(run.config, dump_yaml(plan.config.to_plain(), "Frozen at submit.").encode())
    RunStatus(state=JobStatus.QUEUED, heartbeat=plan.row["created_at"]).write(run)
    reserve.lay_in(run.reserve, slips=reserve.WAITING_SLIPS)


def check_moment(moment: float) -> None:
    """Raise GladiusError when the time (unix s) is none that a calendar shows."""
    try:
        datetime.fromtimestamp(moment, UTC)
    except (OverflowError, OSError, ValueError):
        raise GladiusError(
            f"{moment} is no time that the job could start at.", "Give it in seconds since 1970."
        ) from None


def copy_name(name: str) -> str:
    """What to call the copy of a job."""
    ending = " (copy)"
    start = name[: MAX_NAME_CHARS - len(ending)]
    while start != name and unicodedata.category(start[-1]) in _UNSEEN:  # half an emoji
        start = start[:-1]
    return start.rstrip() + ending


def _check_path(path: Path) -> None:
    """Raise GladiusError when the path's bytes are no UTF-8, as no record could name it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode(errors="backslashreplace")
        raise ConfigError(
            f"The path {shown} is not UTF-8 text.", "Rename the file or its folder."
        ) from None


def _machine(config: TrainingConfig) -> str:
    gpus, wanted = gpu_count(config), config.resources
    if not gpus:
        return f"{wanted.engine.title()} CPU"
    count = f"{gpus}× " if gpus > 1 else ""
    spot = "Spot " if wanted.spot else ""
    return f"{count}{spot}{wanted.gpu_type or f'{wanted.engine.title()} GPU'}"


def _launched_by(path: str, processes: int) -> int:
    """GPU processes on this machine by an accelerate config; `processes` where it says nothing."""
    try:
        told = read_yaml(path).values
    except GladiusError:  # accelerate says what is wrong with it
        return processes
    if told.get("use_cpu"):
        return 0
    total, machines = told.get("num_processes"), told.get("num_machines")
    if not isinstance(total, int) or total < 1:
        return processes
    return max(1, total // machines) if isinstance(machines, int) and machines > 1 else total
