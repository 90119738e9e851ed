"""Commands about money: rates, estimate, cost."""

from dataclasses import asdict
from typing import Annotated

import typer

from gladius_widgets.cli.options import (
    HomeOption,
    JobArgument,
    JsonOption,
    SetOption,
    chosen,
    open_client,
    print_json,
    print_table,
)
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.cost import Part
from gladius_widgets.core.text.terminal_text import visible


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (rates, estimate, cost):
        app.command()(command)


def rates(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what GPUs cost per hour, and which file says so."""
    from gladius_widgets.cli.text import money

    client = open_client(context, home, as_json)
    found = client.rates()
    if found.problem:
        raise GladiusError(found.problem)
    if chosen.as_json:
        print_json(asdict(found))
        return
    rows = [
        [name, money(rate.spot, found.currency), money(rate.on_demand, found.currency)]
        for name, rate in found.gpus.items()
    ]
    print_table(["GPU", "SPOT", "ON-DEMAND"], rows)
    print(f"Per GPU and hour as of {found.as_of}, by {found.source}.")
    if found.source != client.home.rates:
        print(f"To have your own, copy it to {client.home.rates} and change it there.")


def estimate(
    context: typer.Context,
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="YAML file.")],
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many steps a run would take, how long and for how much; nothing is queued."""
    from gladius_widgets.cli.text import duration, money

    told = open_client(context, home, as_json).estimate(config, overrides or ())
    if chosen.as_json:
        print_json(asdict(told))
        return
    times = (duration(told.low_s), duration(told.high_s))
    amounts = (money(told.cost_low, told.currency), money(told.cost_high, told.currency))
    print(f"Steps:  {'–' if told.steps is None else f'{told.steps:,}'}")
    print(f"Time:   {_range(*times)}")
    print(f"Cost:   {_range(*amounts)}")
    print(f"Memory: {told.memory or '–'}")
    print(told.note)
    for warning in told.warnings:
        print(f"Warning: {visible(warning)}")


def cost(
    context: typer.Context, job: JobArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show what a job cost until now, by attempt and by what it was doing."""
    from gladius_widgets.cli.text import duration, moment, money

    told = open_client(context, home, as_json).cost(job)
    if chosen.as_json:
        print_json(asdict(told))
        return

    def cells(*parts: Part) -> list[str]:
        return [f"{duration(p.duration_s)}, {money(p.cost, told.currency)}" for p in parts]

    rows = [
        [
            str(one.number),
            moment(one.started_at),
            *cells(one.provisioning, one.training, one.paused, one.total),
        ]
        for one in told.attempts
    ]
    rows.append(["all", "", *cells(told.provisioning, told.training, told.paused, told.total)])
    print_table(["ATTEMPT", "STARTED", "PROVISIONING", "TRAINING", "PAUSED", "TOTAL"], rows)
    if told.hourly_rate is None:
        print("What its machine costs per hour is not known; `gladius rates` lists what is.")
    else:
        each = f" for each of {told.gpus} GPUs" if told.gpus > 1 else ""
        print(f"{money(told.hourly_rate, told.currency)} per hour{each}.")


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
