"""Gives every key of a config every hostile value, under an audit hook that sees what is done.

A program of its own, as an audit hook cannot be taken off again. Reads keys and values from
stdin, prints what was forbidden and happened: programs, connections, files outside the home.
"""

import json
import os
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import huggingface_hub  # noqa: F401  # what it does as it is imported is none of a config's doing

from gladius_widgets.client.submission import prepare
from gladius_widgets.core.config.load import config_from_values
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.data_files import all_files
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.runner.launch import launch_command
from gladius_widgets.training.model import sources

forbidden: list[str] = []
watching = threading.Event()
home = Home(sys.argv[1])
_PROGRAMS = ("subprocess.Popen", "os.exec", "os.system", "os.posix_spawn", "os.fork", "os.spawn")
_CHANGES = ("shutil.rmtree", "os.remove", "os.rename", "os.mkdir", "os.chmod", "os.symlink")
_NAME = re.compile(r"\w[\w.-]*")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what no value of a config may bring about. pip may be started, with a name alone."""
    if not watching.is_set():
        return
    if event == "subprocess.Popen" and _is_pip_with_a_name(arguments[1]):
        raise FileNotFoundError(2, "not here")  # as far as this goes
    inside = event in (*_CHANGES, "open") and _is_ours(str(arguments[0]))
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
    if event in _PROGRAMS or event == "socket.connect" or (event in _CHANGES and not inside):
        forbidden.append(f"{event} {arguments!r}"[:300])
    if writes and not inside:
        forbidden.append(f"open {arguments!r}"[:300])


def _is_ours(path: str) -> bool:
    """Whether the path is the home's; a scratch folder inside it is named relative to a handle."""
    return path.startswith((str(home.root), "/dev/null")) or "/" not in path


def _is_pip_with_a_name(command: Any) -> Any:
    words = list(map(os.fsdecode, command)) if isinstance(command, list | tuple) else []
    return words[1:4] == ["-P", "-m", "pip"] and words[-2] == "--" and _NAME.fullmatch(words[-1])


def follow(config: TrainingConfig) -> None:
    """What is done with a config before and as its job starts, up to the model itself."""
    plan = prepare(config, None, [])
    with suppress(GladiusError):
        launch_command(plan.config, home.run(plan.id), 1, gpus=0)
    with suppress(GladiusError):
        all_files(plan.config.data)
    with suppress(GladiusError, FileNotFoundError):
        sources.resolve_source(plan.config.model, home, lambda _: None)


def main() -> None:
    """Try them all."""
    asked = json.load(sys.stdin)
    sys.addaudithook(watch)
    accepted, tried, faults = 0, 0, []
    for key in asked["keys"]:
        section, name = key.split(".")
        for text in asked["values"]:
            for value in (text, [text], {"model_type": text, text: text}):
                values: dict[str, Any] = {"model": {"name": "no/such"}, "data": {"path": "no/such"}}
                values.setdefault(section, {})[name] = value
                watching.set()
                try:
                    follow(config_from_values(values))
                    accepted += 1
                except GladiusError:
                    pass
                except Exception as error:
                    faults.append(f"{key}={value!r}: {type(error).__name__}: {error}"[:300])
                finally:
                    watching.clear()
            tried += 1
    counts = {"accepted": accepted, "tried": tried}
    json.dump({"forbidden": forbidden, "faults": faults[:20]} | counts, sys.stdout)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True)
    main()
