"""Telling the outside what happens to jobs, each thing once.

The supervisor does it and not the runners, as it alone also sees the end of a run whose runner
was killed, and as there is never more than one of it. What it has told is in the run directory
(see `outbox.py`), so that the next supervisor goes on where one died. Sending happens in threads:
a server that hangs holds up no job.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.serving import job_page
from gladius_widgets.core.notify import NotifySettings, masked, news
from gladius_widgets.core.paths import Home
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import FINAL
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import append_event
from gladius_widgets.supervisor.notify.delivery import DeliveryError, deliver
from gladius_widgets.supervisor.notify.log_once import Complaints
from gladius_widgets.supervisor.notify.news import Happening, of_attempts, of_event
from gladius_widgets.supervisor.notify.outbox import Notified, is_open

logger = logging.getLogger(__name__)

SAME_ALERT_S = 900.0
MOST_AT_ONCE = 4  # sending threads


class Notifier:
    """Follows the jobs of a home and sends their news.

    Args:
        registry: where the jobs are.
        settings: what the home's settings say now.
        send: delivers, or raises `DeliveryError`.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Callable[[], NotifySettings],
        send: Callable[..., None] = deliver,
    ) -> None:
        self._registry, self._settings, self._send = registry, settings, send
        self._home: Home = registry.home
        self._complaints = Complaints()
        self._events: dict[str, frozenset[str] | None] = {}  # what a job's config wants to tell
        self._room = threading.Semaphore(MOST_AT_ONCE)
        self._followed: dict[str, Notified] = {}
        for run in self._home.all_runs():
            job = registry.get(run.id) if is_open(run) else None
            if job is not None:
                self._followed[job.id] = Notified(run, job.attempt)

    @property
    def is_busy(self) -> bool:
        """Whether anything waits to be sent."""
        return any(not followed.is_idle for followed in self._followed.values())

    def begin(self, job: Job) -> None:
        """Follow a job that is about to start, so that nothing of it is missed."""
        if job.id in self._followed or not self._channels(job):
            return
        followed = Notified(self._home.run(job.id), job.attempt)
        followed.save()
        self._followed[job.id] = followed

    def step(self, running: Iterable[Job]) -> None:
        """One look at all jobs that are followed; `running` are those with a slot."""
        for job in running:
            with self._complaints.surviving(job.id, f"{job.id}: its news are not followed"):
                self.begin(job)
        for job_id in list(self._followed):
            with self._complaints.surviving(job_id, f"{job_id}: its news are not sent"):
                self._look_at(job_id, self._registry.get(job_id))
        self._complaints.forget_all_but(self._followed)

    def _look_at(self, job_id: str, job: Job | None) -> None:
        followed = self._followed[job_id]
        if job is None or not followed.run.root.is_dir():  # deleted
            del self._followed[job_id]
            return
        self._collect(followed, job)
        self._start_sending(followed)
        if job.status in FINAL and followed.is_idle:
            followed.save(is_open=False)
            del self._followed[job_id]
            self._events.pop(job_id, None)

    # What is new

    def _collect(self, followed: Notified, job: Job) -> None:
        found: list[Happening] = []
        before = (followed.told, followed.lost)
        for event in followed.events.poll():
            happening = of_event(event)
            if happening is not None and self._is_due(followed, happening):
                found.append(happening)
        ends = of_attempts(followed.run, job, followed.told, followed.lost)
        for number, is_last_word, happening in ends:
            if is_last_word:
                followed.told = number
            elif happening is not None and happening.event == "lost":
                followed.lost = number
            found += [happening] if happening is not None else []
        channels = self._channels(job)
        wanted = [h for h in found if channels and h.event in self._wanted(job)]
        for happening in wanted:
            followed.put(self._news(job, happening), channels)
        if wanted or before != (followed.told, followed.lost):
            followed.save()

    def _is_due(self, followed: Notified, happening: Happening) -> bool:
        """Alerts of one kind, such as one skipped step after another, are told now and then."""
        if happening.event != "alert":
            return True
        last = followed.kinds.get(happening.kind)
        if last is not None and happening.time - last < SAME_ALERT_S:
            return False
        followed.kinds[happening.kind] = happening.time
        return True

    def _channels(self, job: Job) -> tuple[str, ...]:
        channels = self._settings().channels
        return channels if channels and self._wanted(job) else ()

    def _wanted(self, job: Job) -> frozenset[str]:
        """The events to tell: the config's, else the home's."""
        if job.id not in self._events:
            from gladius_widgets.core.config.load import load_config  # slow, and seldom needed

            try:
                chosen = load_config(self._home.run(job.id).config).alerts.notify
            except GladiusError:
                chosen = None
            self._events[job.id] = None if chosen is None else frozenset(chosen)
        own = self._events[job.id]
        return frozenset(self._settings().on) if own is None else own

    def _news(self, job: Job, happening: Happening) -> dict[str, Any]:
        snapshot = read_status(self._home.run(job.id))
        facts = {
            "id": job.id,
            "name": job.name,
            "status": str(job.status),
            "step": snapshot.step if snapshot else job.step,
            "total_steps": (snapshot.total_steps if snapshot else None) or job.total_steps,
            "cost": job.cost,
            "currency": job.currency,
            "url": job_page(self._home, job.id),
        }
        key = f"{job.id}-{happening.key}"
        return news(happening.event, happening.message, key=key, time=happening.time, job=facts)

    # Sending

    def _start_sending(self, followed: Notified) -> None:
        for entry in followed.next(time.time()):
            work = partial(self._send_one, followed, entry, self._settings())
            threading.Thread(target=work, name="gladius-notify", daemon=True).start()

    def _send_one(
        self, followed: Notified, entry: dict[str, Any], settings: NotifySettings
    ) -> None:
        problem, final = "", False
        with self._room:
            try:
                if entry["channel"] in settings.channels:
                    self._send(settings, entry["channel"], entry["news"], self._home.root)
            except DeliveryError as error:
                problem, final = str(error), error.final
            except Exception as error:  # nobody would hear of it in a thread
                problem = f"the delivery failed ({type(error).__name__})"
        complain = partial(self._complain, followed, settings, entry["news"]["event"])
        try:
            followed.settle(entry, time.time(), problem, final=final, complain=complain)
        except OSError:  # a full disk, or the job was deleted: it is sent again at the worst
            logger.warning("%s cannot be written", followed.run.notified)

    def _complain(
        self, followed: Notified, settings: NotifySettings, event: str, channel: str, problem: str
    ) -> None:
        """In the run's events, where people look; once a channel, as it may be broken for long."""
        url = masked(settings.webhook.get_secret_value()) if settings.webhook else ""
        to = f"webhook {url}" if channel == "webhook" else "notification command"
        append_event(
            followed.run,
            "warning",
            f"The {to} was not told that the job {event}: {problem}",
            {"kind": "notify", "channel": channel, "event": event},
            source="supervisor",
        )
