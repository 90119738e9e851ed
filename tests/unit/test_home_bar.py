"""Pages over a home that cannot be written say so, and their buttons that write say why not."""

import asyncio
from collections.abc import Iterator

import pytest
from recorded_runs import install
from support import Disk, small_disk
from wire import until

import gladius_widgets.client.client as client_module
from gladius_widgets import (
    Client,
    CompareJobs,
    JobDashboard,
    JobsPage,
    NewJobPage,
    TrainingConsole,
)
from gladius_widgets.components import toasts
from gladius_widgets.core.errors import HomeError
from gladius_widgets.core.paths import Home
from gladius_widgets.pages.shared import home_bar
from gladius_widgets.pages.shared.home_bar import HomeBar
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.jobs.actions import JobsActions
from gladius_widgets.panels.text import home as home_words

PAGES = [JobsPage, JobDashboard, TrainingConsole, NewJobPage, CompareJobs]


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch):
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)


@pytest.fixture
def disk() -> Iterator[Disk]:
    with small_disk(16) as disk:
        yield disk


@pytest.fixture
def client(disk) -> Client:
    home = Home(disk.path / "home")
    install(home, "completed")
    install(home, "failed")
    return Client(home, user="ada")


def words(node) -> str:
    """The text of a tree."""
    if isinstance(node, str):
        return node
    return "".join(map(words, node.get("c", ())))


def open_page(kind, client: Client):
    ids = [job.id for job in client.jobs()]
    if kind is NewJobPage:
        return kind(preset="moe_chitchat", client=client)
    arguments = {JobsPage: [], CompareJobs: [ids]}.get(kind, ids[:1])
    return kind(*arguments, client=client)


@pytest.mark.parametrize("kind", PAGES)
def test_every_page_says_once_that_its_home_is_read_only(client, disk, kind):
    disk.remount("ro")
    page = open_page(kind, client)
    bar = page.slots["home"]
    assert bar.tree["a"]["class"] == "gw-homebar gw-tone-blue"
    assert words(bar.tree) == (
        f"Read only. You can look at the home {client.home.root}, but not change it: it is on a "
        "disk that is mounted read-only."
    )
    page.close()


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_over_a_home_in_order_shows_no_bar(client, kind):
    page = open_page(kind, client)
    assert page.slots["home"].tree["a"] == {"hidden": True}
    page.close()


def test_the_bar_goes_as_the_home_can_be_written_again(client, disk, monkeypatch):
    monkeypatch.setattr(home_bar, "_LOOK_S", 0.02)

    async def scenario() -> None:
        bar = HomeBar(client)
        bar._start()
        disk.fill()
        await until(lambda: "The disk is full." in words(bar.tree))
        assert bar.tree["a"]["class"].endswith("gw-tone-yellow")
        disk.free()
        await until(lambda: bar.tree["a"] == {"hidden": True})
        disk.remount("ro")
        await until(lambda: "Read only." in words(bar.tree))
        bar.close()

    asyncio.run(scenario())


def test_any_other_trouble_is_told_in_its_own_words():
    view = home_words.view(HomeError("The registry is locked by another program.", "Close it."))
    assert view is not None
    assert view.text == "The registry is locked by another program. Close it."


def test_the_controls_of_a_read_only_home_say_why_and_ask_nothing(client, disk):
    disk.remount("ro")
    page = open_page(TrainingConsole, client)
    feed = page.slots["log"].feed
    actions = actions_of(feed, client)
    controls = actions.controls()
    assert controls["resume"].reason == home_words.refusal(client.trouble())
    assert controls["stop"].reason == "Not possible while the job is failed"
    assert controls["export"].enabled
    for name in ("stop", "cancel", "set"):
        toasts().items = []
        asyncio.run(actions.use(name))
        (told,) = toasts().items
        assert "You can look at the home" in str(told)
    page.close()


def test_a_list_of_a_read_only_home_refuses_before_it_asks(client, disk):
    disk.remount("ro")
    actions = JobsActions(client, lambda: None)
    jobs = client.jobs()
    assert asyncio.run(actions.cancel(jobs)) is False
    assert asyncio.run(actions.delete(jobs)) is False


def test_on_a_full_disk_the_controls_stay(client, disk):
    disk.fill()
    trouble = client.trouble()
    assert trouble is not None
    assert trouble.kind == "full"
    assert home_words.refusal(trouble) == ""
