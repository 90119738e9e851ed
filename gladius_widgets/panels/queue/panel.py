"""QueuePanel: the slots and the waiting jobs, live, and what a reader can do to their order."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.client.waiting import QueuedJob, QueueView
from gladius_widgets.components import Element, Node, confirm, h, location, toasts
from gladius_widgets.components import events as page_events
from gladius_widgets.components.empty import bones
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.panels.live.panel import default_client
from gladius_widgets.panels.queue import cards as queue_cards
from gladius_widgets.panels.queue import model
from gladius_widgets.panels.queue import order as ordering
from gladius_widgets.panels.queue.config_dialog import show_config
from gladius_widgets.panels.text.links import job_url, new_job_url

LOOK_S = 1.0
# Never more than this share of a core goes into looking, and still there are news within 2 s.
_BUSY, _SLOWEST_S = 0.05, 1.5
_BONES_PX = 240
MOST_CARDS = 50  # at first; the rest on demand
_REMOVED = "Removed from the queue"
_GONE = "The job has left the queue"

Look = tuple[QueueView, Mapping[str, Stage | None]]


class QueuePanel(Element):
    """Who trains, who waits, when each will start; cards can be moved, held and removed.

    Looks for news once a second while it is shown. A card is moved by dragging its grip, by its
    menu, or with the keyboard: Space on the grip lifts it, the arrow keys move it, Space drops
    it and Escape puts it back.

    Args:
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.

    Attributes:
        open_job: called with a job's id when its slot is clicked; by default the browser goes
            to its page.
        open_form: called when a new job is wanted; by default the browser goes to the form.
    """

    _task: asyncio.Task[Any] | None = None
    _subscriptions: Sequence[Callable[[], None]] = ()

    def __init__(self, *, client: Client | None = None, **unknown: Any) -> None:
        reject_unknown("QueuePanel", unknown, {"client"})
        self.client = client or default_client()
        super().__init__()
        self.open_job: Callable[[str], object] | None = None
        self.open_form: Callable[[], object] | None = None
        self._menu = self._focus = self._said = self._failed = ""
        self._lift: ordering.Lift | None = None
        self._most = MOST_CARDS
        self._was_shown = False
        self._seen_at = 0.0
        self._painted: object = None
        self._queue: QueueView | None = None
        self._stages: Mapping[str, Stage | None] = {}
        toasts()
        self._wire()
        self._paint()
        self._stop_first = page_events.begin(self._look_again())
        self._view_count = 0  # from now on the browser counts its views
        self.observe(self._viewed, "_view_count")
        self._subscriptions = [
            location().on("ready", self._start),  # comes with the page, a second before `alive`
            location().on("alive", self._start),
            location().on("gone", self._stop),
        ]

    def end(self) -> None:
        """Stop looking."""
        self._stop_first()
        self._stop()
        for undo in self._subscriptions:
            undo()

    def _wire(self) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "open": lambda payload: self._open(str(payload["key"])),
            "create": lambda _payload: self._create(),
            "more": lambda _payload: self._show_all(),
            "card": lambda payload: self._toggle_menu(str(payload["key"])),
            "menu-away": lambda _payload: self._toggle_menu(""),
            "act": lambda payload: self._act(payload["data"]["action"], str(payload["key"])),
            "resume-queue": lambda _payload: self._resume_queue(),
            "reorder": lambda payload: self._dropped(payload["dragged"], payload["before"]),
            "lift": lambda payload: self._lift_or_drop(str(payload["key"])),
            "lift-key": lambda payload: self._steer(payload["keys"]["key"]),
        }
        for name, handler in handlers.items():
            self.on(name, handler)

    # Looking

    def _start(self, _payload: object = None) -> None:
        if self._task is None and page_events.on_loop():
            self._task = page_events.spawn(self._keep_looking())

    def _stop(self, _payload: object = None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None

    def _viewed(self, change: Any) -> None:
        if change["new"] and not change["old"] and page_events.on_loop():
            page_events.spawn(self._look_again())  # what it shows may be old
        self._was_shown = self._was_shown or bool(change["new"])

    async def _keep_looking(self) -> None:
        while True:
            began = time.process_time()
            if self._view_count or not self._was_shown:
                await self._look_again()
            busy_s = time.process_time() - began
            await asyncio.sleep(min(max(LOOK_S, busy_s / _BUSY), _SLOWEST_S))

    async def _look_again(self) -> None:
        try:
            look = await page_events.in_thread(self._look)
        except Exception as error:
            if self._is_open:
                self._fail(error)
        else:
            if self._is_open:  # else it was closed meanwhile
                self._take(look)

    def _fail(self, error: Exception) -> None:
        """Told once, not every second; what was seen last stays, with its age."""
        if str(error) != self._failed:
            self._failed = str(error)
            page_events.report(error)
            self._paint()

    def _look(self) -> Look:
        queue = self.client.queue()
        training = [job.id for job in queue.active if job.status == JobStatus.TRAINING]
        statuses = {job_id: read_status(self.client.home.run(job_id)) for job_id in training}
        return queue, {job_id: status and status.stage for job_id, status in statuses.items()}

    def _take(self, look: Look) -> None:
        queue, self._stages = look
        self._failed, self._seen_at = "", time.time()
        self._queue = ordering.steady(self._queue, queue, time.time())
        lift = self._lift
        if lift is not None and self._find(lift.job_id) is None:
            self._lift = None
            self._said = f"{_GONE}."
        self._paint()

    def _order(self) -> list[str]:
        return [queued.job.id for queued in self._queue.waiting] if self._queue else []

    def _find(self, job_id: str) -> QueuedJob | None:
        waiting = self._queue.waiting if self._queue else ()
        return next((queued for queued in waiting if queued.job.id == job_id), None)

    # What the reader does

    def _open(self, job_id: str) -> None:
        if self.open_job is not None:
            self.open_job(job_id)
        else:
            location().navigate(job_url(job_id))

    def _create(self) -> None:
        if self.open_form is not None:
            self.open_form()
        else:
            location().navigate(new_job_url())

    def _show_all(self) -> None:
        self._most = len(self._order())
        self._paint()

    def _toggle_menu(self, job_id: str) -> None:
        self._lift = None
        self._menu = "" if self._menu == job_id else job_id
        self._paint()

    async def _act(self, action: str, job_id: str) -> None:
        self._toggle_menu("")
        queued = self._find(job_id)
        if queued is None:
            toasts().show(_GONE, "", "yellow")
        elif action == "view":
            await show_config(queued.job.name, self.client.home.run(job_id).config)
        elif action == "remove":
            await self._remove(queued)
        elif action in ("hold", "unhold"):
            change = self.client.hold if action == "hold" else self.client.unhold
            said = "is held" if action == "hold" else "is released"
            await self._change(lambda: change(job_id), f"{queued.job.name} {said}.")
        elif action == "alone":
            said = f"{queued.job.name} waits for no other job."
            await self._change(lambda: self.client.after(job_id), said)
        elif action == "resume" and queued.blocker is not None:
            blocker = queued.blocker
            await self._change(lambda: self.client.resume(blocker.id), f"{blocker.name} is queued.")
        else:
            order = ordering.target(self._order(), job_id, action)
            await self._move(queued, ordering.follower(order, job_id))

    async def _resume_queue(self) -> None:
        await self._change(self.client.resume_queue, "The queue goes on.")

    async def _remove(self, queued: QueuedJob) -> None:
        name = queued.job.name
        if not await confirm(
            "Remove from Queue?",
            f"{name} will not be trained. It stays in the list of jobs as cancelled.",
            action="Remove from Queue",
            tone="danger",
            icon="trash",
        ):
            return
        order = self._order()
        behind = ordering.follower(order, queued.job.id) if queued.job.id in order else None
        self._focus = behind or next((one for one in reversed(order) if one != queued.job.id), "")
        await self._change(
            lambda: self.client.cancel(queued.job.id, _REMOVED), f"{name} is removed."
        )

    # Order

    async def _dropped(self, job_id: str, before: str | None) -> None:
        """A card was dragged; the end of the cards shown is not that of the queue."""
        self._lift = None
        queued, order = self._find(job_id), self._order()
        if queued is None:
            toasts().show(_GONE, "", "yellow")
            return
        hidden = order[self._most :]
        await self._move(queued, before or (hidden[0] if hidden else None))

    def _lift_or_drop(self, job_id: str) -> Coroutine[Any, Any, None] | None:
        """Lifts at once: the next key may be here already. Returns the move, when it dropped."""
        lift, queued = self._lift, self._find(job_id)
        if queued is None:
            return None
        if lift is None or lift.job_id != job_id:
            at = self._order().index(job_id)
            self._lift = ordering.Lift(job_id, at, queued.job.position)
            self._announce(
                f"{queued.job.name} lifted, position {at + 1} of {len(self._order())}. Arrow keys "
                "move it, Space drops it, Escape puts it back."
            )
            return None
        self._lift = None
        order = ordering.lifted(self._order(), lift)
        if order != self._order():
            return self._move(queued, ordering.follower(order, job_id), lift.seen_at)
        self._announce(f"{queued.job.name} dropped where it was.")
        return None

    def _steer(self, key: str) -> None:
        lift = self._lift
        queued = self._find(lift.job_id) if lift else None
        if lift is None or queued is None:
            return
        last = len(self._order()) - 1
        if key == "Escape":
            self._lift = None
            at = self._order().index(lift.job_id)
            self._announce(f"{queued.job.name} put back, position {at + 1} of {last + 1}.")
            return
        steps = {"ArrowUp": lift.index - 1, "ArrowDown": lift.index + 1, "Home": 0, "End": last}
        index = min(max(steps[key], 0), last)
        self._lift = ordering.Lift(lift.job_id, index, lift.seen_at)
        self._announce(f"{queued.job.name}, position {index + 1} of {last + 1}.")

    async def _move(
        self, queued: QueuedJob, before: str | None, seen_at: float | None = None
    ) -> None:
        """Put a job before another; whoever moved it since the reader saw it goes first."""
        job = queued.job
        seen_at = job.position if seen_at is None else seen_at
        await self._change(lambda: self.client.reorder(job.id, before=before, seen_at=seen_at))
        order = self._order()
        if job.id in order:
            self._announce(f"{job.name} is at position {order.index(job.id) + 1} of {len(order)}.")

    async def _change(self, change: Callable[[], object], said: str = "") -> None:
        """Do it, and show what has come of it; a refusal is told, nothing else."""
        try:
            await asyncio.to_thread(change)
        except GladiusError as error:
            said = error.message
            toasts().show(error.message, error.hint, "yellow")
        await self._look_again()
        if said:
            self._announce(said)

    def _announce(self, text: str) -> None:
        """Say it to who hears the page instead of seeing it."""
        self._said = text
        self._paint()

    # Showing

    def _paint(self) -> None:
        if self._queue is None:
            blank = queue_cards.unreadable(self._failed) if self._failed else bones(_BONES_PX)
            self.tree = h("div", {"class": "gw-queuetab"}, blank)
            return
        content = model.content(
            self._queue,
            self.client.user,
            time.time(),
            stages=self._stages,
            lift=self._lift,
            most=self._most,
        )
        stale_since = self._seen_at if self._failed else None
        trouble = self._queue.trouble
        paints = (content, trouble, self._menu, self._focus, self._said, stale_since)
        if paints == self._painted:
            return
        self._painted = paints
        focus, self._focus = self._focus, ""
        waiting = [
            queue_cards.waiting_head(content),
            queue_cards.cards(content, self._menu, focus),
            self._more(content),
        ]
        self.tree = h(
            "div",
            {"class": "gw-queuetab"},
            queue_cards.paused(content.paused) if content.paused else None,
            queue_cards.trouble(trouble) if trouble else None,
            queue_cards.slots_card(content, stale_since),
            waiting if content.cards else queue_cards.empty(content, takes_focus=bool(focus)),
            h("div", {"class": "gw-sr", "role": "status", "aria-live": "polite"}, self._said),
        )

    def _more(self, content: model.Content) -> Node | None:
        hidden = content.waiting - len(content.cards)
        if not hidden:
            return None
        return h(
            "button",
            {"type": "button", "class": "gw-btn gw-queuemore"},
            f"Show {hidden:,} more",
            on={"click": "more"},
        )

    def __repr__(self) -> str:
        return "QueuePanel()"
