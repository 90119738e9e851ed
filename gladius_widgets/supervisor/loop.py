"""The supervisor's loop: claim, start, look after, adopt."""

import logging
import threading
import time

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import AttemptDirectory, Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.engines import Engine, EngineState, make_engine
from gladius_widgets.store import trash
from gladius_widgets.store.events import append_event
from gladius_widgets.store.records import BIRTH_GRACE_S
from gladius_widgets.store.registry import Job, Registry
from gladius_widgets.supervisor.lock import SupervisorLock
from gladius_widgets.supervisor.reconcile import refresh, save_progress
from gladius_widgets.supervisor.retry import Retries
from gladius_widgets.supervisor.settings import Settings, load_settings

logger = logging.getLogger(__name__)

POLL_S = 0.3
# The kernel has told orphans to end when their launcher died; they get this long to save.
ORPHAN_GRACE_S = 5.0
MAX_STARTS = 3
TRASH_INTERVAL_S = 3600.0
DAY_S = 86_400.0


class Supervisor:
    """Gives queued jobs their slots and keeps the registry true.

    It remembers nothing that matters: all it needs to go on is in the registry and the run
    directories, so that its death costs no job anything.

    Args:
        home: whose jobs.
        lock: held by the caller.
        idle_exit_s: end after so long without a job; None takes the home's setting.
    """

    def __init__(self, home: Home, lock: SupervisorLock, idle_exit_s: float | None = None) -> None:
        self._home = home
        self._lock = lock
        self._idle_exit_s = idle_exit_s
        self._registry = Registry(home)
        self._retries = Retries(self._registry)
        self._trash_emptied_at = -TRASH_INTERVAL_S
        self._engines: dict[str, Engine] = {}
        self._starts: dict[AttemptDirectory, int] = {}
        self._orphaned_since: dict[AttemptDirectory, float] = {}
        self._said: set[str] = set()

    def run(self) -> None:
        """Work until idle for long enough, or until the home is gone."""
        idle_since = time.monotonic()
        while self._home.runs.is_dir():
            if self._tick_safely():
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self._idle_limit_s() and self._may_leave():
                return
            time.sleep(POLL_S)

    def tick(self) -> bool:
        """One round over all jobs; tells whether any is unfinished."""
        running = [job for job in self._registry.active() if job.holds_slot]
        self._look_after(running)
        self._retries.step()
        self._empty_trash()
        waiting = self._registry.count(statuses=[JobStatus.QUEUED])
        if waiting:
            while (job := self._registry.claim(self._settings().slots)) is not None:
                logger.info("starting %s, attempt %d", job.id, job.attempt)
                self._start(job)
        return bool(running or waiting)

    def _tick_safely(self) -> bool:
        """A round that survives a full disk or a locked registry: the next one may work."""
        try:
            return self.tick()
        except (GladiusError, OSError) as error:
            self._say_once(f"This round failed: {error}")
            return True

    def _may_leave(self) -> bool:
        """Let go of the lock, then look once more (see lock.py for why in this order)."""
        self._lock.release()
        if self._registry.count(statuses=[JobStatus.QUEUED]) == 0:
            return True
        return not self._lock.acquire(patience_s=1.0)

    def _look_after(self, running: list[Job]) -> None:
        by_engine: dict[str, list[Job]] = {}
        for job in running:
            by_engine.setdefault(job.engine, []).append(job)
        for name, jobs in by_engine.items():
            engine = self._engine(name)
            attempts = {job.id: self._home.run(job.id).attempt(job.attempt) for job in jobs}
            states = engine.poll(attempts.values())
            for job in jobs:
                try:
                    self._look_at(job, engine, attempts[job.id], states[attempts[job.id]])
                except (GladiusError, OSError):
                    raise
                except Exception as error:  # one job's damaged files must not hold up the others
                    self._say_once(f"{job.id} could not be looked after: {error!r}")

    def _look_at(
        self, job: Job, engine: Engine, attempt: AttemptDirectory, state: EngineState
    ) -> None:
        if state == EngineState.ORPHANED and not attempt.exit.exists():
            self._end_orphans(engine, attempt)
        if state == EngineState.PENDING and not attempt.exit.exists():
            if time.time() - (job.claimed_at or 0) > BIRTH_GRACE_S:
                self._start(job)
            return
        now = refresh(self._registry, self._home, job, alive=state != EngineState.GONE)
        if now.status == job.status:
            save_progress(self._registry, job, now)
            return
        logger.info("%s: %s → %s", job.id, job.status, now.status)
        if now.status == JobStatus.LOST:
            run = self._home.run(job.id)
            message = str((now.error or {}).get("message", "lost"))
            append_event(run, "error", message, source="supervisor", attempt=job.attempt)

    def _end_orphans(self, engine: Engine, attempt: AttemptDirectory) -> None:
        since = self._orphaned_since.setdefault(attempt, time.monotonic())
        if time.monotonic() - since >= ORPHAN_GRACE_S:
            logger.warning("ending what the runner of %s left behind", attempt.root)
            engine.kill(attempt)

    def _start(self, job: Job) -> None:
        run = self._home.run(job.id)
        attempt = run.attempt(job.attempt)
        starts = self._starts[attempt] = self._starts.get(attempt, 0) + 1
        if starts > MAX_STARTS:
            message = f"Its runner was started {MAX_STARTS} times and never reported."
            self._record_failed_start(job, attempt, f"{message} {attempt.runner_log} may say why.")
            return
        try:
            self._registry.update(job.id, claimed_at=time.time())
            engine = self._engine(job.engine)
            before = run.attempt(job.attempt - 1)
            if job.attempt > 1 and not before.exit.exists():
                engine.kill(before)  # lost: what nobody knew of must not write beside the new one
            engine.submit(run, job.attempt)
        except (GladiusError, OSError) as error:
            self._record_failed_start(job, attempt, str(error))

    def _record_failed_start(self, job: Job, attempt: AttemptDirectory, message: str) -> None:
        logger.error("%s could not be started: %s", job.id, message)
        now = time.time()
        attempt.root.mkdir(parents=True, exist_ok=True)
        write_json(
            attempt.exit,
            {
                "attempt": job.attempt,
                "status": JobStatus.FAILED,
                "returncode": None,
                "signal": None,
                "error": {"type": "start", "message": message},
                "started_at": now,
                "ended_at": now,
            },
        )
        refresh(self._registry, self._home, job)

    def _empty_trash(self) -> None:
        """Now and then; in a thread, as large folders take a while."""
        if time.monotonic() - self._trash_emptied_at < TRASH_INTERVAL_S:
            return
        self._trash_emptied_at = time.monotonic()
        age_s = self._settings().trash_days * DAY_S
        threading.Thread(target=trash.empty, args=(self._home, age_s), daemon=True).start()

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            self._engines[name] = make_engine(name, self._home)
        return self._engines[name]

    def _settings(self) -> Settings:
        try:
            return load_settings(self._home)
        except GladiusError as error:
            self._say_once(f"{error} The defaults are used.")
            return Settings()

    def _say_once(self, message: str) -> None:
        """Log it the first time, not three times a second."""
        if message not in self._said:
            self._said.add(message)
            logger.warning(message)

    def _idle_limit_s(self) -> float:
        return self._settings().idle_exit_s if self._idle_exit_s is None else self._idle_exit_s
