"""Commands that submit and look: submit, jobs, show, logs, export, ledger, reindex."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
    print_json,
    print_table,
    when_to_start,
)
from gladius_widgets.core.states import FINAL, JobStatus
from gladius_widgets.core.text.terminal_text import LogText, visible

_POLL_S = 0.2


class ExportFormat(StrEnum):
    """What `export` writes: a table of metrics, or the model."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    MERGED = "merged"


class Table(StrEnum):
    """The metric tables of a run."""

    TRAIN = "train"
    VALIDATION = "validation"
    SYSTEM = "system"
    EXPERTS = "experts"


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (submit, jobs, show, logs, export, ledger, reindex):
        app.command()(command)


def submit(
    context: typer.Context,
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="YAML file.")],
    name: Annotated[
        str | None, typer.Option(help="What to call the job. [the file's name]")
    ] = None,
    overrides: SetOption = None,
    after: AfterOption = None,
    start_at: StartAtOption = None,
    hold: HoldOption = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end; exit 1 unless it completes.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue a training run."""
    client = open_client(context, home, as_json, changes=True)
    job = client.submit(config, name, overrides or (), **when_to_start(after, start_at, hold))
    if note := client.waits_for_what_is_over(job.depends_on):
        print(visible(note), file=sys.stderr)
    for warning in client.warned(job.id):
        print(f"Warning: {visible(warning)}", file=sys.stderr)
    if not chosen.as_json:
        print(f"Queued {job.id}")
    status = _follow_progress(client, job.id) if wait else job.status
    if chosen.as_json:
        print_json(client.state(job.id))
    elif not wait:
        print(f"Follow it: gladius logs -f {job.id}")
    if wait and status != JobStatus.COMPLETED:
        raise typer.Exit(1)


def jobs(
    context: typer.Context,
    status: Annotated[
        list[JobStatus] | None, typer.Option(help="Only these; may be given again.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Part of the name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first."""
    from dataclasses import asdict

    from gladius_widgets.cli.text import print_jobs

    client = open_client(context, home, as_json)
    found = client.jobs(statuses=status, search=search, limit=limit)
    if chosen.as_json:
        print_json([asdict(job) for job in found])
        return
    if not found:
        print("No jobs. `gladius submit CONFIG` queues one, `gladius demo` shows an example.")
        return
    print_jobs(found)
    listed = {job.id for job in found}
    for job, why in client.blocked():
        if job.id in listed:
            print(visible(f"{job.name}: {why}"))
    if len(found) < limit:
        return  # all of them, whatever is submitted while we print
    total = client.count(statuses=status, search=search)
    if total > len(found):
        print(f"{len(found)} of {total}; --limit shows more.")


def show(
    context: typer.Context, job: JobArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show one job as it is now."""
    from gladius_widgets.cli.text import print_state

    client = open_client(context, home, as_json)
    state = client.state(job)
    if chosen.as_json:
        print_json(state)
    else:
        print_state(client.job(state["id"]), state)


def logs(
    context: typer.Context,
    job: JobArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends.")
    ] = False,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=0, help="Only the last so many.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the training log."""
    from gladius_widgets.store.run.log import LogTail

    client = open_client(context, home, as_json)
    job_id = client.job(job).id
    log, text = LogTail(client.run(job_id).log), LogText()
    size_bytes = log.size_bytes()
    if lines is not None:
        first = log.last_lines(lines)
        log = LogTail(log.path, position=size_bytes)
        _print_text(text.feed(first))
    while True:
        ended = not follow or client.job(job_id).status in FINAL
        while data := log.poll():
            _print_text(text.feed(data))
        if ended:
            _print_text(text.end())
            return
        time.sleep(_POLL_S)


def export(
    context: typer.Context,
    job: JobArgument,
    file_format: Annotated[
        ExportFormat,
        typer.Option("--format", help="Of the metrics file; `merged` writes the model."),
    ],
    out: Annotated[Path, typer.Option(metavar="PATH", help="The file or model folder to write.")],
    table: Annotated[Table, typer.Option(help="Which metrics.")] = Table.TRAIN,
    step: Annotated[
        int | None, typer.Option(help="With `merged`: of this checkpoint. [the newest]")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a metric table to a file, or the model with its adapters merged to a folder."""
    if step is not None and file_format != ExportFormat.MERGED:
        raise typer.BadParameter("--step goes with --format merged")
    client = open_client(context, home, as_json)
    run = client.run(job)
    if file_format == ExportFormat.MERGED:
        from gladius_widgets.client.merged import export_merged

        folder = export_merged(run, out.expanduser(), step)
        if chosen.as_json:
            print_json({"path": str(folder), "format": file_format})
        else:
            print(f"Model → {folder}")
        return
    from gladius_widgets.store.metrics import export as export_table

    done = export_table(run, table, file_format, out.expanduser())
    if chosen.as_json:
        told = {"rows": done.rows, "problems": done.problems}
        print_json({"path": str(out), "table": table, "format": file_format} | told)
    else:
        print("\n".join([f"{done.rows} rows → {out}", *done.problems]))


def ledger(
    context: typer.Context, job: JobArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List every command that was given to a job: who, what, when, and what came of it."""
    from gladius_widgets.cli.text import moment
    from gladius_widgets.core.text.change_text import change_text

    entries = open_client(context, home, as_json).ledger(job)
    if chosen.as_json:
        print_json(entries)
        return
    print_table(
        ["WHEN", "WHO", "COMMAND", "WHAT", "OUTCOME", "STEP", "REASON"],
        [
            [
                moment(entry.get("requested_at")),
                str(entry.get("requested_by") or "–"),
                str(entry.get("command") or "–"),
                change_text(entry.get("args"), entry.get("old"), entry.get("new")),
                str(entry.get("outcome")),
                str(entry["step"]) if entry.get("step") is not None else "–",
                str(entry.get("reason") or (entry.get("args") or {}).get("reason") or ""),
            ]
            for entry in entries
        ],
    )


def reindex(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Rebuild the list of jobs from the run directories."""
    done = open_client(context, home, as_json, changes=True).reindex()
    if chosen.as_json:
        print_json({"jobs": done.jobs, "problems": done.problems})
    else:
        print("\n".join([f"{done.jobs} jobs indexed", *map(visible, done.problems)]))


def _follow_progress(client, job_id: str) -> JobStatus:  # noqa: ANN001 - a Client; imported late
    """Print a line when something changes, until the job has ended."""
    from gladius_widgets.core.run_state import read_status

    run, last_line, last_tenth = client.run(job_id), "", -1
    while True:
        job = client.job(job_id)
        snapshot = read_status(run)
        tenth = int(10 * (job.progress or 0))
        stage = snapshot.stage if snapshot and snapshot.stage else ""
        line = f"{job.status}{f', {stage}' if stage else ''}"
        if line != last_line or tenth != last_tenth:
            loss = f", loss {snapshot.loss:.4f}" if snapshot and snapshot.loss is not None else ""
            total = f"/{job.total_steps}" if job.total_steps else ""
            print(f"{line}: step {job.step}{total}{loss}", file=sys.stderr, flush=True)
            last_line, last_tenth = line, tenth
        if job.status in FINAL:
            if job.error:
                print(f"{job.error['type']}: {job.error['message']}", file=sys.stderr)
            return job.status
        time.sleep(_POLL_S)


def _print_text(text: str) -> None:
    """As it is, whatever encoding the terminal's settings claim: the log is UTF-8."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
