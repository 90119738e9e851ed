"""`gladius doctor`: what works on this machine, and how to mend what does not."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from gladius_widgets.cli.options import HomeOption, JsonOption, choose, print_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.launcher import LAUNCHER_VARIABLE, accelerate_path
from gladius_widgets.core.paths import Home
from gladius_widgets.core.private import wider_than_owner

_TRAINING = ("torch", "transformers", "accelerate", "peft", "datasets")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ENOUGH_DISK_BYTES = 5 * 1024**3
_ENOUGH_WATCHES = 8192


@dataclass(frozen=True)
class Finding:
    """One thing that works (`ok`), does not (`problem`), or is missing but not needed (`note`)."""

    name: str
    state: str
    text: str
    mend: str = ""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(doctor)


def doctor(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say what works here, and how to mend what does not; exit 1 if something has to be."""
    options = choose(context, home, as_json)
    place = Home(options.home)
    findings = [check(place) for check in CHECKS]
    if options.as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"ok": "✓", "note": "–", "problem": "✗"}
        for finding in findings:
            print(f"{marks[finding.state]} {finding.name:<12}{finding.text}")
            if finding.mend:
                print(f"{'':<14}{finding.mend}")
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def _versions(_home: Home) -> Finding:
    text = f"gladius-widgets {_version('gladius-widgets')}, Python {platform.python_version()}"
    return Finding("versions", "ok", f"{text}, {sys.executable}")


def _home(home: Home) -> Finding:
    from gladius_widgets.client import Client

    try:
        client = Client(home)
        count = client.count()
    except GladiusError as error:
        return Finding("home", "problem", error.message, error.hint)
    if (trouble := client.trouble()) is not None:
        return Finding("home", "problem", trouble.message, trouble.hint)
    return Finding("home", "ok", f"{home.root}, {count} jobs")


def _privacy(home: Home) -> Finding:
    """Who but its owner may look into the home; the secrets in it are nobody else's in any case."""
    if not home.root.is_dir():
        return Finding("privacy", "ok", "a new home is its owner's alone")
    secrets = [path for path in (home.settings, home.serve_token) if wider_than_owner(path)]
    if secrets and wider_than_owner(home.root):
        names = " and ".join(path.name for path in secrets)
        mend = f"chmod go-rwx {' '.join(map(str, secrets))}"
        return Finding("privacy", "problem", f"others can read {names}, with secrets in it", mend)
    if mode := wider_than_owner(home.root):
        who = "everybody" if mode & 0o007 else "the group"
        mend = f"If that is not meant: chmod -R go-rwx {home.root}"
        return Finding("privacy", "note", f"{who} can look into {home.root}", mend)
    return Finding("privacy", "ok", f"{home.root} is open to its owner alone")


def _disk(home: Home) -> Finding:
    folder = next(p for p in (home.root, *home.root.parents) if p.exists())
    free_bytes = shutil.disk_usage(folder).free
    text = f"{free_bytes / 1024**3:.1f} GiB free for {home.root}"
    if free_bytes < _ENOUGH_DISK_BYTES:
        return Finding("disk", "problem", text, "Free some, or name another home with --home.")
    return Finding("disk", "ok", text)


def _host(_home: Home) -> Finding:
    from gladius_widgets.core.machine.host import host_memory, usable_cores

    memory = host_memory()
    share = " (this container's limits, not the machine's)" if memory.is_limited else ""
    text = f"{memory.ram_total_bytes / 1024**3:.1f} GiB RAM, {usable_cores():g} cores{share}"
    return Finding("host", "ok", text)


def _slots(home: Home) -> Finding:
    from gladius_widgets.supervisor.lock import stuck_supervisor, supervisor_pid
    from gladius_widgets.supervisor.settings import load_settings

    try:
        slots = load_settings(home).slots
    except GladiusError as error:
        return Finding("slots", "problem", error.message, error.hint)
    if (stuck := stuck_supervisor(home)) is not None:
        return Finding("slots", "problem", stuck.message, stuck.hint)
    pid = supervisor_pid(home)
    running = f"supervisor {pid} runs" if pid else "no supervisor runs, the next submit starts one"
    return Finding(
        "slots", "ok", f"{slots} jobs at once (`slots: N` in {home.settings}); {running}"
    )


def _gpu(home: Home) -> Finding:
    from gladius_widgets.core.machine.gpus import look_at_gpus, select
    from gladius_widgets.supervisor import load_settings, local_gpus

    look = look_at_gpus()
    if not look.gpus:
        mend = "For GPU panels and training on a GPU, install the NVIDIA driver."
        why = look.problem or "no device"
        return Finding(
            "gpu", "note", f"none that NVML can see ({why}); CPU and RAM are shown", mend
        )
    try:
        settings = load_settings(home)
    except GladiusError as error:
        return Finding("gpu", "problem", error.message, error.hint)
    named = [str(name) for name in settings.gpus or ()]
    if missing := [name for name in named if not select(look.gpus, [name])]:
        text = f"{home.settings}: `gpus` names {', '.join(missing)}, which is not here"
        here = ", ".join(gpu.index for gpu in look.gpus)
        return Finding("gpu", "problem", text, f"Name some of {here}, by index or UUID.")
    standings = local_gpus(settings, ()).gpus
    told = [
        f"{one.gpu.index}: {one.gpu.name}{f', {one.held}' * bool(one.held)}" for one in standings
    ]
    return Finding("gpu", "ok", f"{len(told)} for jobs; {'; '.join(told)}")


def _training(_home: Home) -> Finding:
    versions = {name: _version(name) for name in _TRAINING}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return Finding(
            "training",
            "note",
            f"{', '.join(missing)} not installed: this machine shows jobs but cannot run them",
            "pip install 'gladius-widgets[train]'.",
        )
    return Finding("training", "ok", ", ".join(f"{n} {v}" for n, v in versions.items()))


def _launcher(_home: Home) -> Finding:
    try:
        return Finding("launcher", "ok", accelerate_path())
    except GladiusError as error:
        state = "problem" if os.environ.get(LAUNCHER_VARIABLE) else "note"
        return Finding("launcher", state, error.message, error.hint)


def _browser(_home: Home) -> Finding:
    for name in (os.environ.get("GLADIUS_CHROMIUM", ""), *_BROWSERS):
        if name and (found := shutil.which(name)):
            return Finding("browser", "ok", f"{found} (needed by the tests only)")
    return Finding(
        "browser", "note", "no Chromium here; pages open in any browser, tests need it",
        "apt-get install chromium, or playwright install chromium.",
    )  # fmt: skip


def _inotify(_home: Home) -> Finding:
    try:
        watches = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    except (OSError, ValueError):
        return Finding("inotify", "note", "not here; pages look for news by polling")
    if watches < _ENOUGH_WATCHES:
        return Finding(
            "inotify", "note", f"{watches} watches are few; pages may have to poll",
            f"sysctl fs.inotify.max_user_watches={_ENOUGH_WATCHES * 16}.",
        )  # fmt: skip
    return Finding("inotify", "ok", f"{watches} watches")


def _demo(_home: Home) -> Finding:
    version = _version("chitchat-dataset")
    if version is None:
        return Finding(
            "demo", "note", "the example's data is not installed",
            "pip install 'gladius-widgets[demo]'.",
        )  # fmt: skip
    return Finding("demo", "ok", f"chitchat-dataset {version}")


def _version(package: str) -> str | None:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None


CHECKS: tuple[Callable[[Home], Finding], ...] = (
    _versions, _home, _privacy, _disk, _host, _slots, _training, _launcher, _demo, _gpu,
    _browser, _inotify,
)  # fmt: skip
