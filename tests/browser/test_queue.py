"""The queue tab in a real browser: jobs that really queue behind one slot.

Where training is not the point, the launcher is the fake one of tests/processes.
"""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_job import submit as submit_training
from live_job import wait_for_step
from playwright.sync_api import Locator, Page, expect
from support import REPOSITORY, end_processes_on, wait_until, write_notebooks

from gladius_widgets.client import Client
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus

CONFIG = """\
model:
  name: {mode}
data:
  path: pypi:chitchat-dataset
resources:
  device: cpu
cost:
  hourly_rate: 2.49
  estimate_low: 24.9
  estimate_high: 29.88
"""
FRAMED = """
from gladius_widgets import Client, QueuePanel
from gladius_widgets.components import Element, h
panel = QueuePanel({client})
title = h("h1", {{"class": "gw-title"}}, "Training Jobs")
main = h("main", {{"class": "gw-main"}}, title, h("slot", {{"name": "queue"}}))
Element(h("div", {{"class": "gw-app"}}, main), {{"queue": panel}})
"""
ALONE = "from gladius_widgets import QueuePanel\nQueuePanel()"
ELSEWHERE = """
from gladius_widgets.components import Element, h
Element(h("main", {"id": "elsewhere"}, h("h1", None, "Another page")))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    """Where the configs are, and the homes besides the server's own."""
    folder = tmp_path_factory.mktemp("queue")
    yield folder
    end_processes_on(folder)


@pytest.fixture(scope="module")
def server(serve_notebooks, folder):
    """Our tab in notebooks of its own; one slot."""
    other = {name: f'client=Client("{folder / name}")' for name in ("empty", "real", "crowd")}
    cells = {name: FRAMED.format(client=client) for name, client in other.items()}
    cells |= {"queue": FRAMED.format(client=""), "alone": ALONE}
    cells |= {"jobs": "from gladius_widgets import JobsPage\nJobsPage()"}
    cells |= {"job": ELSEWHERE, "new": ELSEWHERE}
    server = serve_notebooks(cells, unwatched_s=3)
    for home in (server.home, Home(folder / "real")):
        home.root.mkdir(exist_ok=True)
        home.settings.write_text("slots: 1\nquick_failure_s: 0\n")
    return server


@pytest.fixture(scope="module", autouse=True)
def fake_launcher(folder):
    """A program that runs the fake accelerate, for every job but the real ones."""
    program = folder / "accelerate"
    script = REPOSITORY / "tests" / "processes" / "fake_accelerate.py"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLADIUS_ACCELERATE", str(program))
        yield patch


class Queue:
    """The queue of a home, as others see and change it."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.client = Client(home)
        self.bob = Client(home, user="bob")
        self.folder = folder

    def submit(self, name: str, mode: str = "train", client: Client | None = None, **options):
        path = self.folder / f"{mode}.yaml"
        path.write_text(CONFIG.format(mode=mode))
        return (client or self.client).submit(path, name, **options).id

    def id(self, name: str) -> str:
        """The id of the waiting job of that name."""
        return next(one.job.id for one in self.client.queue().waiting if one.job.name == name)

    def names(self) -> list[str]:
        return [queued.job.name for queued in self.client.queue().waiting]

    def wait(self, job_id: str, status: JobStatus) -> None:
        wait_until(
            lambda: self.client.job(job_id).status == status,
            60,
            f"{status}, but it is {self.client.job(job_id)}",
        )

    def clear(self) -> None:
        for queued in self.client.queue().waiting:
            self.client.cancel(queued.job.id, "the test is over")


@pytest.fixture(scope="module")
def busy(server, folder, fake_launcher):
    """A home whose only slot is taken by `runner-up`, for as long as these tests last."""
    queue = Queue(server.home, folder)
    job_id = queue.submit("slot-holder")
    queue.wait(job_id, JobStatus.TRAINING)
    yield queue
    queue.client.stop(job_id)
    queue.wait(job_id, JobStatus.STOPPED)


@pytest.fixture
def queue(busy):
    """Three jobs wait: first, second, third."""
    for name in ("first", "second", "third"):
        busy.submit(name)
    yield busy
    busy.clear()


@pytest.fixture
def tab(server, open_page):
    """Opens the tab and waits until it is drawn."""

    homes = dict.fromkeys(("queue", "alone", "jobs"), server.home)

    def open_(name: str = "queue", **options) -> Page:
        page = open_page(server.url(f"voila/render/{name}.ipynb?tab=queue"), **options)
        expect(page.locator(".gw-queuetab")).to_be_visible(timeout=30_000)
        # A kernel that was started ahead shows what was then, until it has looked again.
        waiting = (
            [one.job.id for one in Client(homes[name]).queue().waiting] if name in homes else []
        )
        for job_id in waiting:
            expect(page.locator(f"[data-job={job_id}]")).to_be_visible(timeout=5_000)
        return page

    return open_


def card(page: Page, name: str) -> Locator:
    return page.locator(".gw-qcard").filter(has=page.get_by_text(name, exact=True))


def shown(page: Page) -> list[str]:
    return page.locator(".gw-qcard__n > .gw-ellipsis").all_inner_texts()


def said(page: Page) -> Locator:
    """What the tab tells those who hear it."""
    return page.locator(".gw-queuetab > [role=status]")


def expect_order(page: Page, *names: str) -> None:
    wait_until(lambda: shown(page) == list(names), 10, f"{names}, but it is {shown(page)}")


def use(page: Page, name: str, item: str) -> None:
    """Choose from a card's menu with the mouse."""
    page.get_by_label(f"Actions for {name}").click()
    page.get_by_role("menuitem", name=item).click()


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[n['html'][:120] for n in v['nodes']][:3]}" for v in found]


def test_slots_and_cards_say_all(tab, queue):
    queue.submit("guest", client=queue.bob)
    page = tab()
    expect(page.get_by_role("heading", name="Active Training Jobs: 1 of 1 slot")).to_be_visible()
    slot = page.locator(".gw-slot")
    expect(slot).to_have_count(1)
    expect(slot).to_contain_text("slot-holder")
    expect(slot).to_contain_text(re.compile(r"\d+%"))
    expect(slot).to_contain_text("Training")
    expect(page.get_by_role("progressbar", name="slot-holder")).to_be_visible()
    expect_order(page, "first", "second", "third", "guest")
    second = card(page, "second")
    expect(second.get_by_role("img", name="Queue position 2")).to_have_text("#2")
    expect(second).to_contain_text("Local CPU")
    expect(second).to_contain_text("Created by: you")
    expect(card(page, "guest")).to_contain_text("Created by: bob")
    tones = page.locator(".gw-pos").evaluate_all("all => all.map(e => e.className)")
    assert [re.search(r"gw-tone-(\w+)", tone)[1] for tone in tones] == ["green"] * 3 + ["yellow"]
    expect(page.locator(".gw-pos--next")).to_have_count(1)
    expect(page.get_by_text("First in, first out")).to_be_visible()
    expect(page.get_by_text("Average wait")).to_be_visible()


def test_start_times_follow_the_slots(tab, queue):
    page = tab()
    first, second = card(page, "first"), card(page, "second")
    planned = re.compile(r"(Today|Tomorrow|[A-Z][a-z]{2}, [A-Z][a-z]{2} \d+) at \d+:\d\d [AP]M")
    waiting = {one.job.name: one for one in queue.client.queue().waiting}
    for shown_card, name in ((first, "first"), (second, "second")):
        if waiting[name].starts_at is None:
            expect(shown_card).to_contain_text("Start time unknown")
            expect(shown_card).to_contain_text(waiting[name].reason)
        else:
            expect(shown_card.locator(".gw-qcard__when")).to_contain_text(planned)
            expect(shown_card).to_contain_text(re.compile(r"\(in (\d+d )?\d+h( \d+m)?\)"))


def test_badges_say_what_keeps_a_job(tab, queue):
    first = queue.id("first")
    queue.submit("dependent", after=[first])
    queue.submit("tonight", not_before=time.time() + 7200)
    queue.submit("held", held=True)
    page = tab()
    expect(card(page, "dependent").locator(".gw-badge")).to_have_text("Waits for first")
    expect(card(page, "tonight").locator(".gw-badge")).to_have_text("Scheduled")
    expect(card(page, "held").locator(".gw-badge")).to_have_text("Held")
    expect(card(page, "held")).to_contain_text("Waits until it is released")
    queue.client.cancel(first, "so that the other is blocked")
    expect(card(page, "dependent").locator(".gw-badge")).to_contain_text(
        "Waits for first, which was cancelled", timeout=5_000
    )
    expect(card(page, "dependent")).to_contain_text("Cannot start")


def test_a_slot_opens_its_job(tab, busy):
    page = tab()
    slot = page.get_by_role("link", name=re.compile("slot-holder"))
    href = slot.get_attribute("href")
    assert "job=slot-holder" in href
    for how in (slot.click, lambda: slot.press("Enter")):
        how()
        expect(page.locator("#elsewhere")).to_be_visible(timeout=30_000)
        assert page.url.endswith(href)
        page.go_back()
        expect(page.locator(".gw-queuetab")).to_be_visible(timeout=30_000)


# Menu


def test_a_card_opens_its_menu_and_a_press_closes_it(tab, queue):
    page = tab()
    card(page, "second").locator(".gw-qcard__m").click()
    menu = page.get_by_role("menu")
    expect(menu).to_be_visible()
    expect(menu.get_by_role("menuitem")).to_have_count(7)
    card(page, "second").locator(".gw-qcard__m").click()
    expect(menu).to_have_count(0)
    page.get_by_label("Actions for third").click()
    expect(menu).to_be_visible()
    expect(page.get_by_role("menuitem", name="Move down")).to_be_disabled()
    page.get_by_role("heading", name="Waiting").click()
    expect(menu).to_have_count(0)


def test_configuration_is_shown_as_text_and_copied(tab, queue, server):
    page = tab()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    use(page, "second", "View Configuration")
    dialog = page.get_by_role("dialog", name="Configuration")
    expect(dialog).to_contain_text("hourly_rate: 2.49")
    dialog.get_by_role("button", name="Copy").click()
    expect(page.locator(".gw-toast")).to_contain_text("Configuration copied")
    job_id = queue.id("second")
    text = queue.client.run(job_id).config.read_text()
    assert page.evaluate("navigator.clipboard.readText()") == text
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_the_menu_moves_cards(tab, queue):
    page = tab()
    use(page, "third", "Move up")
    expect_order(page, "first", "third", "second")
    use(page, "third", "Move to top")
    expect_order(page, "third", "first", "second")
    use(page, "third", "Move down")
    expect_order(page, "first", "third", "second")
    use(page, "first", "Move to bottom")
    expect_order(page, "third", "second", "first")
    assert queue.names() == ["third", "second", "first"]
    expect(said(page)).to_have_text("first is at position 3 of 3.")


def test_the_menu_by_keyboard_alone(tab, queue):
    page = tab()
    button = page.get_by_label("Actions for second")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="View Configuration")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="View Configuration")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Move down")).to_be_focused()
    page.keyboard.press("Enter")
    expect_order(page, "first", "third", "second")
    expect(button).to_be_focused()  # the card took its focus along
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="View Configuration")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Configuration")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Copy")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_hold_and_release(tab, queue):
    page = tab()
    use(page, "first", "Hold")
    expect(card(page, "first").locator(".gw-badge")).to_have_text("Held", timeout=2_000)
    assert queue.client.job(queue.id("first")).held
    use(page, "first", "Release")
    expect(card(page, "first").locator(".gw-badge")).to_have_count(0)
    assert not queue.client.job(queue.id("first")).held


def test_remove_asks_first(tab, queue):
    page, second = tab(), queue.id("second")
    use(page, "second", "Remove from Queue…")
    dialog = page.get_by_role("alertdialog", name="Remove from Queue?")
    expect(dialog).to_contain_text("second will not be trained")
    expect(dialog.get_by_role("button", name="Go Back")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert queue.names() == ["first", "second", "third"]
    use(page, "second", "Remove from Queue…")
    dialog.get_by_role("button", name="Remove from Queue").click()
    expect_order(page, "first", "third")
    assert queue.client.job(second).status == JobStatus.CANCELLED
    expect(page.get_by_label("Actions for third")).to_be_focused()


def test_remove_by_keyboard_alone(tab, queue):
    page = tab()
    page.get_by_label("Actions for third").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="View Configuration")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="Remove from Queue…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Go Back")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect_order(page, "first", "second")
    expect(page.get_by_label("Actions for second")).to_be_focused()


# Order


def drag(page: Page, name: str, to: tuple[float, float]) -> None:
    """Drag a card by its grip with real mouse events."""
    box = page.get_by_label(f"Move {name}").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(to[0], to[1] - 4)  # a drag begins with the second move
    page.mouse.move(*to, steps=4)


def test_a_card_is_dragged_to_another_place(tab, queue):
    page = tab()
    box = card(page, "first").bounding_box()
    drag(page, "third", (box["x"] + 200, box["y"] + 10))
    expect(card(page, "first")).to_have_attribute("data-gw-over", "before")
    expect(card(page, "third")).to_have_attribute("data-gw-dragged", "")
    page.mouse.up()
    expect_order(page, "third", "first", "second")
    expect(page.locator("[data-gw-over], [data-gw-dragged]")).to_have_count(0)
    assert queue.names() == ["third", "first", "second"]
    box = card(page, "second").bounding_box()
    drag(page, "third", (box["x"] + 200, box["y"] + box["height"] - 10))
    expect(card(page, "second")).to_have_attribute("data-gw-over", "after")
    page.mouse.up()
    expect_order(page, "first", "second", "third")
    assert queue.names() == ["first", "second", "third"]
    drag(page, "third", (10, 10))
    page.mouse.up()
    expect_order(page, "first", "second", "third")


def test_a_card_is_moved_by_keyboard_and_says_so(tab, queue):
    page = tab()
    grip, status = page.get_by_label("Move third"), said(page)
    grip.focus()
    page.keyboard.press("Space")
    expect(grip).to_have_attribute("aria-pressed", "true")
    expect(status).to_contain_text("third lifted, position 3 of 3. Arrow keys move it")
    page.keyboard.press("ArrowUp")
    expect(status).to_have_text("third, position 2 of 3.")
    page.keyboard.press("Home")
    expect_order(page, "third", "first", "second")
    expect(card(page, "third").locator(".gw-pos")).to_have_text("#1")
    expect(grip).to_be_focused()
    page.keyboard.press("Escape")
    expect(status).to_have_text("third put back, position 3 of 3.")
    expect_order(page, "first", "second", "third")
    assert queue.names() == ["first", "second", "third"]
    page.keyboard.press("Enter")
    expect(grip).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowUp")
    expect(status).to_have_text("third, position 2 of 3.")
    page.keyboard.press("Space")
    expect(status).to_have_text("third is at position 2 of 3.")
    expect(grip).to_have_attribute("aria-pressed", "false")
    expect(grip).to_be_focused()
    assert queue.names() == ["first", "third", "second"]


def test_who_comes_late_is_told(tab, queue):
    page = tab()
    grip = page.get_by_label("Move third")
    grip.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    expect(said(page)).to_have_text("third, position 2 of 3.")
    third, first = queue.id("third"), queue.id("first")
    queue.bob.reorder(third, before=first)
    page.keyboard.press("Space")
    expect(page.locator(".gw-toast")).to_contain_text("third")
    expect_order(page, "third", "first", "second")  # one effect: the one that came first
    assert queue.names() == ["third", "first", "second"]
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text("third lifted")
    queue.client.cancel(third, "while it is lifted")
    expect(said(page)).to_have_text("The job has left the queue.")


# Life


def test_what_others_do_shows_within_two_seconds(tab, queue):
    page = tab()
    expect_order(page, "first", "second", "third")
    grip = page.get_by_label("Move third")
    grip.focus()
    queue.submit("newcomer", client=queue.bob)
    expect(card(page, "newcomer")).to_be_visible(timeout=2_000)
    queue.bob.reorder(queue.id("third"), before=queue.id("first"))
    expect(page.locator(".gw-qcard").first).to_contain_text("third", timeout=2_000)
    expect(grip).to_be_focused()
    queue.client.cancel(queue.id("first"), "by another")
    expect(card(page, "first")).to_have_count(0, timeout=2_000)


def test_real_jobs_go_through_the_queue(tab, folder, fake_launcher):
    """Training on this machine: the second starts when the first leaves its slot."""
    home = Home(folder / "real")
    queue = Queue(home, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GLADIUS_ACCELERATE")
        one, _ = submit_training(home, "one"), submit_training(home, "two")
        wait_for_step(home, one, 3)
        page = tab("real")
        expect(page.locator(".gw-slot")).to_contain_text("one")
        expect(page.locator(".gw-slot")).to_contain_text(re.compile(r"~.+ remaining"))
        expect_order(page, "two")
        queue.client.stop(one.id)
        expect(page.locator(".gw-slot")).to_contain_text("two", timeout=60_000)
        expect(page.get_by_text("Queue is empty.")).to_be_visible()
        end_processes_on(home.root)


def test_an_empty_queue_leads_to_a_new_job(tab):
    page = tab("empty")
    expect(page.get_by_role("heading", name="Active Training Jobs: 0 of 3 slots")).to_be_visible()
    expect(page.locator(".gw-slot--empty")).to_have_count(3)
    expect(page.get_by_text("Queue is empty. All training capacity available.")).to_be_visible()
    expect(page.get_by_text("Your new training jobs will start immediately.")).to_be_visible()
    link = page.get_by_role("link", name="Create New Job")
    expect(link).to_have_attribute("href", "new.ipynb")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#elsewhere")).to_be_visible(timeout=30_000)
    assert page.url.endswith("/new.ipynb")


def test_a_long_queue_is_shown_in_part(tab, folder):
    home = Home(folder / "crowd")
    home.root.mkdir(exist_ok=True)
    home.settings.write_text("slots: 40\n")
    queue = Queue(home, folder)
    for number in range(55):
        queue.submit(f"job-{number:02}", held=True)
    page = tab("crowd")
    expect(page.locator(".gw-qcard")).to_have_count(50)
    expect(page.locator(".gw-slot--empty")).to_have_text("40 slots available")
    tones = page.locator(".gw-pos").evaluate_all("all => all.map(e => e.className)")
    assert sum("orange" in tone for tone in tones) == 43
    page.get_by_role("button", name="Show 5 more").click()
    expect(page.locator(".gw-qcard")).to_have_count(55)
    queue.clear()


# Look


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_violation_of_accessibility_in_the_jobs_page(tab, queue, theme):
    queue.submit("held", held=True)
    queue.submit("tonight", not_before=time.time() + 7200)
    page = tab("jobs", theme=theme, width=900)
    expect(page.get_by_role("tab", name="Queue")).to_have_attribute("aria-selected", "true")
    expect(card(page, "tonight").locator(".gw-badge")).to_be_visible()
    assert violations(page) == []
    for width in (600, 900, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("w => document.documentElement.scrollWidth <= w", arg=width)
    page.get_by_label("Actions for second").click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("menuitem", name="View Configuration").click()
    expect(page.get_by_role("dialog", name="Configuration")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Move second").focus()
    page.keyboard.press("Space")
    expect(page.locator(".is-lifted")).to_be_visible()
    assert violations(page) == []


def test_no_violation_when_empty(tab):
    for theme in ("light", "dark"):
        page = tab("empty", theme=theme)
        expect(page.locator(".gw-empty")).to_be_visible()
        assert violations(page) == []


def test_alone_in_a_notebook_cell(tab, queue):
    page = tab("alone")
    expect_order(page, "first", "second", "third")
    expect(page.locator(".gw-appbar")).to_have_count(0)
    use(page, "third", "Move to top")
    expect_order(page, "third", "first", "second")


def test_in_jupyterlab_keys_and_drags_stay_ours(jupyterlab, open_page, folder, fake_launcher):
    write_notebooks(jupyterlab.root, {"queue_alone": ALONE})
    queue = Queue(jupyterlab.home, folder)
    queue.clear()  # of a first try
    for name in ("first", "second", "third"):
        queue.submit(name, held=True)
    page = open_page(jupyterlab.url("queue_alone.ipynb"))
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
    wait_until(lambda: run_cell(page), 60, "the queue in the notebook")
    expect_order(page, "first", "second", "third")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    page.get_by_label("Move third").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    expect_order(page, "first", "third", "second")
    box = card(page, "first").bounding_box()
    drag(page, "second", (box["x"] + 100, box["y"] + 10))
    page.mouse.up()
    expect_order(page, "second", "first", "third")
    assert queue.names() == ["second", "first", "third"]
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    queue.clear()


def run_cell(page: Page) -> bool:
    """Run the first cell; JupyterLab forgets what it is asked while the kernel still starts."""
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    try:
        expect(page.locator(".gw-queuetab")).to_be_visible(timeout=8_000)
    except AssertionError:
        return False
    return True
