"""Commands for the queue and for jobs that are over, such as hold, reorder, delete and clone."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gladius_widgets.cli.options import (
    AfterOption,
    HoldOption,
    HomeOption,
    JobArgument,
    JsonOption,
    SetOption,
    StartAtOption,
    chosen,
    open_client,
    parse_setting,
    print_json,
    print_table,
    when_to_start,
)
from gladius_widgets.core.text.terminal_text import visible

if TYPE_CHECKING:
    from gladius_widgets.client.waiting import QueueView
    from gladius_widgets.core.machine.placement import GpuStanding


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (queue, hold, unhold, reorder, after, clone, delete, restore, trash):
        app.command()(command)


def queue(
    context: typer.Context,
    resume: Annotated[
        bool, typer.Option("--resume", help="Let a paused queue start jobs again.")
    ] = False,
    pause: Annotated[
        str | None, typer.Option(metavar="REASON", help="Start no further job until --resume.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who runs, who waits, when each will start, and why not sooner."""
    client = open_client(context, home, as_json, changes=resume or pause is not None)
    if resume:
        ended = client.resume_queue()
        _say({"resumed": [one.engine for one in ended]}, _resumed(len(ended)))
        return
    if pause is not None:
        client.pause_queue(pause)
        _say({"paused": pause}, "The queue is paused. `gladius queue --resume` lets it go on.")
        return
    _show(client.queue())


def _resumed(count: int) -> str:
    return "The queue goes on." if count else "The queue was not paused."


def _show(view: "QueueView") -> None:
    from gladius_widgets.cli.text import duration

    if chosen.as_json:
        from dataclasses import asdict

        print_json(asdict(view))
        return
    for one in view.pauses:
        print(visible(f"The queue is paused: {one.reason}"))
        print("`gladius queue --resume` lets it go on.")
    if view.trouble and not (chosen.told and view.trouble.startswith(chosen.told)):
        print(visible(view.trouble))
    print(f"{len(view.active)} of {view.slots} slots in use")
    for job in view.active:
        left = "" if job.remaining_s is None else f", {duration(job.remaining_s)} left"
        print(visible(f"  {job.id}  {job.name}, {job.status}{left}"))
    for gpu in view.gpus:
        print(visible(f"  GPU {gpu.gpu.index}  {gpu.gpu.name}, {_holder(gpu)}"))
    if view.waiting:
        now = time.time()
        print_table(
            ["#", "ID", "NAME", "STARTS", "WHY NOT SOONER"],
            [
                [str(one.place), one.job.id, one.job.name, _starts(one.starts_at, now), one.reason]
                for one in view.waiting
            ],
        )
    else:
        print("The queue is empty.")
    if view.average_wait_s is not None:
        print(f"Average wait of the last 7 days: {duration(view.average_wait_s)}")
    if view.jobs_per_day is not None:
        print(f"Completed a day: {view.jobs_per_day:.1f}")


def _holder(gpu: "GpuStanding") -> str:
    return gpu.held or (f"in use by {gpu.job_id}" if gpu.job_id else "free")


def hold(
    context: typer.Context, job: JobArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Keep a queued job from starting; it keeps its place."""
    _say(open_client(context, home, as_json, changes=True).hold(job), f"{job} is held")


def unhold(
    context: typer.Context, job: JobArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Let a held job start when its turn comes."""
    _say(open_client(context, home, as_json, changes=True).unhold(job), f"{job} is held no more")


def reorder(
    context: typer.Context,
    job: JobArgument,
    before: Annotated[
        str | None,
        typer.Option(metavar="JOB", help="Start before this one. [after all others]"),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a queued job to another place in the queue."""
    where = f"starts before {before} now" if before else "starts after all others now"
    _say(
        open_client(context, home, as_json, changes=True).reorder(job, before=before),
        f"{job} {where}",
    )


def after(
    context: typer.Context,
    job: JobArgument,
    others: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB]...", help="What it shall wait for.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="For no other job.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a queued job wait for other jobs to complete, or for none."""
    if bool(others) == none:
        raise typer.BadParameter("name the jobs that it shall wait for, or say --none")
    where = f"waits for {', '.join(others)} now" if others else "waits for no other job now"
    _say(
        open_client(context, home, as_json, changes=True).after(job, others or ()), f"{job} {where}"
    )


def clone(
    context: typer.Context,
    job: JobArgument,
    changes: SetOption = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the new job. [the other's and (copy)]")
    ] = None,
    after: AfterOption = None,
    start_at: StartAtOption = None,
    hold: HoldOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue a new job with the config of another."""
    client = open_client(context, home, as_json, changes=True)
    changed = dict(parse_setting(change) for change in changes or ())
    made = client.clone(job, changed, name, **when_to_start(after, start_at, hold))
    if note := client.waits_for_what_is_over(made.depends_on):
        print(visible(note), file=sys.stderr)
    _say(client.state(made.id) if chosen.as_json else None, f"Queued {made.id}")


def delete(
    context: typer.Context, job: JobArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Move a job that is over to the trash; it can be restored for some days."""
    client = open_client(context, home, as_json, changes=True)
    job_id = client.delete(job).id
    _say({"id": job_id}, f"Deleted {job_id}. `gladius restore {job_id}` brings it back.")


def restore(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="ID", help="As `gladius trash` lists it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a deleted job out of the trash."""
    restored = open_client(context, home, as_json, changes=True).restore(job)
    _say({"id": restored.id, "status": restored.status}, f"{restored.id} is back")


def trash(
    context: typer.Context,
    empty: Annotated[
        bool, typer.Option("--empty", help="Delete all of them for good, with their data.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the deleted jobs."""
    from gladius_widgets.cli.text import moment

    client = open_client(context, home, as_json, changes=empty)
    if empty:
        count = client.empty_trash()
        _say({"deleted": count}, f"{count} jobs deleted for good")
        return
    found = client.trash()
    if chosen.as_json:
        from dataclasses import asdict

        print_json([asdict(one) for one in found])
    elif not found:
        print("The trash is empty.")
    else:
        print_table(
            ["ID", "NAME", "DELETED", "BY"],
            [[one.id, one.name, moment(one.deleted_at), one.deleted_by] for one in found],
        )


def _say(value: Any, text: str) -> None:
    """The answer as JSON, or a sentence."""
    if chosen.as_json:
        print_json(value)
    else:
        print(visible(text))


def _starts(at: float | None, now: float) -> str:
    from gladius_widgets.cli.text import duration, moment

    if at is None:
        return "–"
    return f"{moment(at)} (in {duration(at - now)})" if at > now + 1 else "now"
