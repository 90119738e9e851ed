"""What a new job can start from: the configs that ship, an earlier job, or nothing."""

import re
from dataclasses import dataclass
from pathlib import Path

import gladius_widgets
from gladius_widgets.client import Client
from gladius_widgets.client.submission import MAX_NAME_CHARS
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import did_you_mean
from gladius_widgets.panels.new_job.yaml_edit import minimal

EMPTY = ""
EARLIER_JOB = "?"
_LAUNCH_LINE = re.compile(r"\A# gladius submit .*\n(#[ \t]*\n)?")


@dataclass(frozen=True)
class Start:
    """A config to begin with: its YAML, the name to propose, and a sentence about it."""

    text: str = ""
    name: str = ""
    about: str = ""


def preset_names() -> tuple[str, ...]:
    """The configs that come with the installation or the checkout, without their suffix."""
    folder = _folder()
    return tuple(sorted(path.stem for path in folder.glob("*.yaml"))) if folder else ()


def preset(name: str) -> Start:
    """One of them; nothing for the empty name.

    Raises:
        GladiusError: there is none of that name.
    """
    if name in (EMPTY, EARLIER_JOB):
        return Start()
    folder = _folder()
    if folder is None or name not in preset_names():
        raise GladiusError(f"There is no preset '{name}'.", did_you_mean(name, preset_names()))
    text = _LAUNCH_LINE.sub("", (folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return Start(text, name, _first_comment(text))


def clone(client: Client, ref: str) -> Start:
    """An earlier job's config as it was frozen.

    Raises:
        GladiusError: there is no such job, or its config cannot be read.
    """
    job = client.job(ref)
    name = f"{job.name[: MAX_NAME_CHARS - 7]} (copy)"
    about = f"The config that {job.name} ran with."
    note = f"From the job {job.id}"
    return Start(minimal(client.config(job.id).to_plain(), note), name, about)


def _folder() -> Path | None:
    package = Path(gladius_widgets.__file__).resolve().parent
    folders = (package / "configs", package.parent / "configs")
    return next((folder for folder in folders if folder.is_dir()), None)


def _first_comment(text: str) -> str:
    """The first sentence of the comment at the top."""
    lines = []
    for line in text.split("\n"):
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    found = re.match(r".*?[^.]\.(?=\s|$)", " ".join(lines))
    return found[0] if found else " ".join(lines)
