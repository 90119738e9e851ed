"""The test's end of `zygote.py`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from support import wait_until
from training.harness import Trainer

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.paths import RunDirectory


@dataclass
class Forked:
    """The ranks of one attempt; looks like a Popen."""

    zygote: "Zygote"
    pids: list[int]
    codes: list[int] = field(default_factory=list)

    def kill(self) -> None:
        """SIGKILL to every rank, as when the machine goes."""
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        self.wait()

    def poll(self) -> int | None:
        """The return code once every rank has ended (each stays a zombie until then)."""
        return self.wait() if all(has_ended(pid) for pid in self.pids) else None

    def ended(self) -> bool:
        """Whether some rank has ended."""
        return any(has_ended(pid) for pid in self.pids)

    def wait(self, timeout: float | None = 120) -> int:
        """The worst return code; negative for a signal."""
        wait_until(lambda: all(has_ended(pid) for pid in self.pids), timeout or 120, "the end")
        self.codes += [self.zygote.tell({"wait": pid})["rc"] for pid in self.pids]
        self.pids = []
        return max(self.codes, key=abs)


class Zygote:
    """Forks trainers; see `zygote.py`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},  # no test needs the hub; asking takes time
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def tell(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the zygote died"
        return json.loads(answer)

    def start(
        self,
        run: RunDirectory,
        attempt: int,
        processes: int = 1,
        *,
        dies_on_commit: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """An attempt of `processes` ranks, told of each other as torchrun does."""
        run.attempt(attempt).ranks.mkdir(parents=True, exist_ok=True)
        write_json(run.attempt(attempt).proc, {"started_at": time.time()})
        environment = {"GLADIUS_HOME": str(run.root.parent.parent)} | dict(environment or {})
        if processes > 1:
            environment |= {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1"}
            environment |= {"MASTER_PORT": str(_free_port()), "ACCELERATE_USE_CPU": "true"}
        pids = []
        for rank in range(processes):
            ranked = {"RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {}
            order = {"run": str(run.root), "attempt": attempt, "log": str(run.log)}
            order |= {"dies_on_commit": dies_on_commit}
            pids.append(self.tell(order | {"env": environment | ranked})["pid"])
        return Forked(self, pids)

    def train(
        self,
        run: RunDirectory,
        attempt: int = 1,
        processes: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> Trainer:
        """As `start`, for a look at the run while it goes on."""
        forked = self.start(run, attempt, processes, environment=environment)
        return Trainer(run, attempt, forked)


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
