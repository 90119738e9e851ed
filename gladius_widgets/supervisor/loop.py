"""The supervisor's loop: claim, start, look after, adopt."""

import logging
import threading
import time
from collections.abc import Sequence

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.gpus import Look, look_at_gpus
from gladius_widgets.core.paths import AttemptDirectory, Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.engines import Engine, EngineState, make_engine
from gladius_widgets.store import trash
from gladius_widgets.store.cancelling import catch_up
from gladius_widgets.store.queue_pause import queue_pauses
from gladius_widgets.store.registry.claiming import Place
from gladius_widgets.store.registry.home_errors import is_full
from gladius_widgets.store.registry.registry import Job, Registry
from gladius_widgets.store.run.events import append_event
from gladius_widgets.store.run.records import BIRTH_GRACE_S
from gladius_widgets.supervisor.blocked import Blocked
from gladius_widgets.supervisor.gpu_claims import place_on
from gladius_widgets.supervisor.lock import SupervisorLock
from gladius_widgets.supervisor.notify.log_once import GENERAL, Complaints
from gladius_widgets.supervisor.notify.notifier import Notifier
from gladius_widgets.supervisor.orphans import is_overdue
from gladius_widgets.supervisor.quick_failures import QuickFailures
from gladius_widgets.supervisor.reconcile import refresh, save_progress
from gladius_widgets.supervisor.retry import Retries
from gladius_widgets.supervisor.settings import Settings, load_settings

logger = logging.getLogger(__name__)

POLL_S = 0.3
MAX_STARTS = 3
TRASH_INTERVAL_S = 3600.0
CATCH_UP_INTERVAL_S = 5.0
DAY_S = 86_400.0
_UNCOUNTED = "Quick failures were not counted"


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
        self._caught_up_at = -CATCH_UP_INTERVAL_S
        self._engines: dict[str, Engine] = {}
        self._starts: dict[tuple[str, int], int] = {}  # of a job's attempt
        self._orphaned_since: dict[tuple[str, int], float] = {}
        self._complaints = Complaints()
        self._settings_read: tuple[object, Settings] | None = None  # state of the file, contents
        self._notifier = Notifier(self._registry, lambda: self._settings().notify)
        self._quick_failures = QuickFailures(self._registry, self._settings, self._notifier.begin)
        self._blocked = Blocked(self._registry, self._notifier.begin)

    def run(self) -> None:
        """Work until idle for long enough, or until the home is gone."""
        idle_since = time.monotonic()
        while self._home.runs.is_dir():
            if self.tick():
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self._idle_limit_s() and self._may_leave():
                return
            time.sleep(POLL_S)

    def tick(self) -> bool:
        """One round over all jobs; tells whether there is more to do, as far as known.

        It survives a full disk, a locked registry, a damaged run directory: the next may work.
        Whatever fails before it, what waits is started.
        """
        self._lock.beat()
        running: list[Job] | None = None
        waiting: int | None = None
        with self._complaints.surviving(GENERAL, "The running jobs were not looked after"):
            running = [job for job in self._registry.active() if job.holds_slot]
            self._forget_all_but(running)
            self._look_after(running)
        with self._complaints.surviving(GENERAL, _UNCOUNTED):
            self._quick_failures.step(running or [])
        with self._complaints.surviving(GENERAL, "Nobody was told whom their jobs wait for"):
            self._blocked.step()
        with self._complaints.surviving(GENERAL, "No news were sent"):
            self._notifier.step(running or [])
        with self._complaints.surviving(GENERAL, "No failed job was tried again"):
            self._retries.step()
        with self._complaints.surviving(GENERAL, "The trash was not emptied"):
            self._empty_trash()
        with self._complaints.surviving(GENERAL, "Cancelled jobs stay in the list as waiting"):
            self._catch_up()
        with self._complaints.surviving(GENERAL, "No waiting job was started"):
            waiting = self._registry.count(statuses=[JobStatus.QUEUED])
            if waiting and not is_full(self._home):
                self._start_waiting()
        if running is None or waiting is None:
            return True
        return bool(running or waiting) or self._notifier.is_busy

    def _catch_up(self) -> None:
        """Note what was cancelled while the registry could not be written; now and then."""
        if time.monotonic() - self._caught_up_at < CATCH_UP_INTERVAL_S or is_full(self._home):
            return
        for job in self._registry.find(statuses=[JobStatus.QUEUED, JobStatus.PAUSED]):
            if job.is_unattended:
                with self._complaints.surviving(job.id, f"{job.id} could not be looked at"):
                    catch_up(self._registry, self._home.run(job.id), job)
        self._caught_up_at = time.monotonic()

    def _start_waiting(self) -> None:
        settings = self._settings()
        # Before the registry is locked: nobody shall wait for a driver that is slow to answer.
        look = look_at_gpus() if self._registry.waits_for_gpus() else Look()

        def place(job: Job, running: Sequence[Job]) -> Place:
            if self._quick_failures.has_news(running):
                return Place(None)  # it starts in the next round, unless the queue is paused then
            return place_on(settings, look, job, running)

        while True:
            with self._complaints.surviving(GENERAL, _UNCOUNTED):
                self._quick_failures.step(())  # a start that failed just now, too
            paused = [pause.engine for pause in queue_pauses(self._home)]
            job = self._registry.claim(settings.slots, place, paused)
            if job is None:
                return
            logger.info("starting %s, attempt %d", job.id, job.attempt)
            with self._complaints.surviving(job.id, f"{job.id} could not be started"):
                self._start(job)

    def _may_leave(self) -> bool:
        """Let go of the lock, then look once more (see lock.py for why in this order)."""
        self._lock.release()
        with self._complaints.surviving(GENERAL, "The registry could not be read"):
            if self._registry.count(statuses=[JobStatus.QUEUED]) == 0:
                return True
        return not self._lock.acquire(patience_s=1.0)

    def _forget_all_but(self, running: list[Job]) -> None:
        attempts = {(job.id, job.attempt) for job in running}
        self._starts = {a: n for a, n in self._starts.items() if a in attempts}
        self._orphaned_since = {a: t for a, t in self._orphaned_since.items() if a in attempts}
        self._complaints.forget_all_but({job.id for job in running})

    def _look_after(self, running: list[Job]) -> None:
        """One job's damaged files must not hold up the others."""
        by_engine: dict[str, dict[str, AttemptDirectory]] = {}
        for job in running:
            with self._complaints.surviving(job.id, f"{job.id} has no folder"):
                attempt = self._home.run(job.id).attempt(job.attempt)
                by_engine.setdefault(job.engine, {})[job.id] = attempt
        states: dict[str, EngineState] = {}
        for name, attempts in by_engine.items():
            states |= self._poll(name, attempts)
        for job in running:
            if job.id in states:
                with self._complaints.surviving(job.id, f"{job.id} could not be looked after"):
                    attempt = by_engine[job.engine][job.id]
                    self._look_at(job, self._engine(job.engine), attempt, states[job.id])

    def _poll(self, name: str, attempts: dict[str, AttemptDirectory]) -> dict[str, EngineState]:
        """All in one look; where that fails, one by one, without those that it fails for."""
        try:
            found = self._engine(name).poll(attempts.values())
            return {job_id: found[attempt] for job_id, attempt in attempts.items()}
        except Exception:  # said below, of the job that it is about
            states: dict[str, EngineState] = {}
            for job_id, attempt in attempts.items():
                with self._complaints.surviving(job_id, f"{job_id} could not be asked after"):
                    states[job_id] = self._engine(name).poll([attempt])[attempt]
            return states

    def _look_at(
        self, job: Job, engine: Engine, attempt: AttemptDirectory, state: EngineState
    ) -> None:
        if state == EngineState.ORPHANED and not attempt.exit.exists():
            self._end_orphans(job, engine, attempt)
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

    def _end_orphans(self, job: Job, engine: Engine, attempt: AttemptDirectory) -> None:
        since = self._orphaned_since.setdefault((job.id, job.attempt), time.monotonic())
        if is_overdue(self._home.run(job.id), attempt, time.monotonic() - since):
            logger.warning("ending what the runner of %s left behind", attempt.root)
            engine.kill(attempt)

    def _start(self, job: Job) -> None:
        try:
            self._try_to_start(job)
        except Exception as error:  # else it would keep its slot for ever
            self._record_failed_start(job, str(error))
            if not isinstance(error, GladiusError | OSError):
                raise

    def _try_to_start(self, job: Job) -> None:
        run, key = self._home.run(job.id), (job.id, job.attempt)
        if catch_up(self._registry, run, job):
            return  # it was cancelled while that could only be written beside the registry
        self._starts[key] = self._starts.get(key, 0) + 1
        if self._starts[key] > MAX_STARTS:
            raise GladiusError(
                f"Its runner was started {MAX_STARTS} times and never reported. "
                f"{run.attempt(job.attempt).runner_log} may say why."
            )
        with self._complaints.surviving(job.id, f"{job.id}: its news are not followed"):
            self._notifier.begin(job)
        self._quick_failures.begin(job)
        self._registry.update(job.id, claimed_at=time.time())
        engine = self._engine(job.engine)
        before = run.attempt(job.attempt - 1)
        if job.attempt > 1 and not before.exit.exists():
            engine.kill(before)  # lost: what nobody knew of must not write beside the new one
        engine.submit(run, job.attempt, job.gpu_uuids)

    def _record_failed_start(self, job: Job, message: str) -> None:
        logger.error("%s could not be started: %s", job.id, message)
        now, error = time.time(), {"type": "start", "message": message}
        record = {
            "attempt": job.attempt,
            "status": JobStatus.FAILED,
            "returncode": None,
            "signal": None,
            "error": error,
            "started_at": now,
            "ended_at": now,
        }
        try:
            attempt = self._home.run(job.id).attempt(job.attempt)
            attempt.root.mkdir(parents=True, exist_ok=True)
            write_json(attempt.exit, record)
        except (OSError, ValueError):  # no folder to say it in: the row alone has to
            self._registry.move(
                job.id, [job.status], JobStatus.FAILED, observed=True, error=error, ended_at=now
            )
        else:
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
        """As the file says now; read only when it has changed, as it is asked for all the time."""
        try:
            status = self._home.settings.stat()
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            state = None
        if self._settings_read is None or self._settings_read[0] != state:
            self._settings_read = (state, self._read_settings())
        return self._settings_read[1]

    def _read_settings(self) -> Settings:
        try:
            return load_settings(self._home)
        except (GladiusError, OSError) as error:
            self._complaints.once(GENERAL, f"{error} The defaults are used.")
            return Settings()

    def _idle_limit_s(self) -> float:
        return self._settings().idle_exit_s if self._idle_exit_s is None else self._idle_exit_s
