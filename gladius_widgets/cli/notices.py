"""`gladius notify-test`: whether news of jobs would arrive."""

import time
from dataclasses import asdict, dataclass

import typer

from gladius_widgets.cli.options import HomeOption, JsonOption, choose, print_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.notify import NotifySettings, masked, news
from gladius_widgets.core.paths import Home

_EXAMPLE = (
    'For example: `notify: {webhook: "https://…"}` or `notify: {command: [notify-send, Gladius]}`.'
)


@dataclass(frozen=True)
class Outcome:
    """How one channel took the trial; `to` shows nothing secret."""

    channel: str
    to: str
    arrived: bool
    problem: str = ""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("notify-test")(notify_test)


def notify_test(
    context: typer.Context, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Send a trial by the home's command and webhook, and say what came of it."""
    from gladius_widgets.supervisor.settings import load_settings

    options = choose(context, home, as_json)
    place = Home(options.home)
    settings = load_settings(place).notify
    if not settings.channels:
        raise GladiusError(f"{place.settings} names nobody to notify.", _EXAMPLE)
    outcomes = [_try(settings, channel, place) for channel in settings.channels]
    if options.as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        for one in outcomes:
            mark, words = ("✓", "arrived") if one.arrived else ("✗", one.problem)
            print(f"{mark} {one.channel:<9}{one.to}: {words}")
    if not all(outcome.arrived for outcome in outcomes):
        raise typer.Exit(1)


def _try(settings: NotifySettings, channel: str, home: Home) -> Outcome:
    from gladius_widgets.supervisor.notify.delivery import DeliveryError, deliver

    webhook = settings.webhook.get_secret_value() if settings.webhook else ""
    to = masked(webhook) if channel == "webhook" else settings.command[0]
    now = time.time()
    job = {"name": "gladius notify-test"}
    trial = news("test", "If you read this, news of jobs arrive.", key=f"test-{now:.0f}",
                 time=now, job=job)  # fmt: skip
    try:
        deliver(settings, channel, trial, home.root if home.root.is_dir() else home.root.parent)
    except DeliveryError as error:
        return Outcome(channel, to, False, str(error))
    return Outcome(channel, to, True)
