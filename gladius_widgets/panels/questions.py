"""The questions that actions ask: which format, why cancel."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gladius_widgets.components import Action, Dialog, Node, h, icon
from gladius_widgets.panels import format as fmt
from gladius_widgets.panels.models.progress import elapsed_s
from gladius_widgets.panels.models.snapshot import JobSnapshot

REASONS = ("Loss not decreasing", "Cost too high", "Wrong configuration", "Testing", "Other")
_FORMAT_WORDS = {"csv": "CSV, for spreadsheets", "json": "JSON", "parquet": "Parquet, for pandas"}


async def ask_format(formats: Sequence[str]) -> str | None:
    """Which format to export in; None when the reader goes back."""
    chosen = {"format": formats[0]}
    options = [h("option", {"value": kind}, _FORMAT_WORDS.get(kind, kind)) for kind in formats]
    dialog = Dialog(
        "Export Metrics",
        h(
            "label",
            {"class": "gw-field gw-field--stack"},
            h("span", {"class": "gw-strong"}, "Format"),
            _select(options, "Format", "format"),
        ),
        text="All metric tables, the log and the config, in one ZIP file.",
        icon="download",
        actions=[Action("back", "Go Back"), Action("export", "Export", "primary")],
    )
    dialog.on("format", lambda payload: chosen.update(format=str(payload["value"])))
    return chosen["format"] if await wait_for(dialog, "export") else None


async def ask_why(job: JobSnapshot) -> str | None:
    """Why the job shall be cancelled; None when the reader goes back."""
    return await _ask_reason("Cancel Training Job?", [_where_it_stands(job), _impact(job)])


async def ask_why_all(names: Sequence[str], left_out: str = "") -> str | None:
    """Why all these jobs shall be cancelled; None when the reader goes back.

    Args:
        names: of the jobs.
        left_out: what becomes of the other selected ones.
    """
    jobs = f"{len(names)} Training Job{'' if len(names) == 1 else 's'}"
    listed = h("ul", {"class": "gw-affected"}, [h("li", None, name) for name in names])
    note = h("p", {"class": "gw-small gw-soft"}, left_out) if left_out else None
    affected = h("div", {"class": "gw-well"}, listed, note)
    return await _ask_reason(f"Cancel {jobs}?", [affected, _impact(None)])


async def _ask_reason(title: str, about: Sequence[Node]) -> str | None:
    chosen: dict[str, Any] = {"reason": "", "sure": False, "note": ""}
    dialog = Dialog(title, text="This action cannot be undone.", tone="danger", icon="warn")

    def compose() -> None:
        wants_note = chosen["reason"] == "Other"
        dialog.body = [*about, _reason(wants_note), _sure()]
        ready = chosen["reason"] and chosen["sure"] and (chosen["note"] or not wants_note)
        dialog.actions = [
            Action("back", "Go Back"),
            Action(
                "confirm",
                "Confirm Cancellation",
                "danger",
                disabled=not ready,
                title=None if ready else "Give a reason and tick the box first",
            ),
        ]

    def took(name: str, field: str) -> None:
        def take(payload: dict[str, Any]) -> None:
            chosen[name] = payload[field]
            compose()

        dialog.on(name, take)

    took("reason", "value")
    took("note", "value")
    took("sure", "checked")
    compose()
    if not await wait_for(dialog, "confirm"):
        return None
    note = str(chosen["note"]).strip()
    return f"{chosen['reason']}: {note}" if note else str(chosen["reason"])


async def wait_for(dialog: Dialog, *answers: str) -> str | None:
    """Show the dialog and wait; the name of the answer, None when the reader goes back."""
    answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def answer(name: str | None) -> None:
        if not answered.done():
            answered.set_result(name)

    for name in answers:
        dialog.on(name, lambda _payload, name=name: answer(name))
    for name in ("back", "dismiss"):
        dialog.on(name, lambda _payload: answer(None))
    dialog.show()
    try:
        return await answered
    finally:
        dialog.close()


def _where_it_stands(job: JobSnapshot) -> Node:
    run = job.run
    share = min(1.0, run.step / run.total_steps) if run and run.total_steps else None
    epoch = f"Epoch {run.epoch} of {fmt.count(run.total_epochs)} · " if run and run.epoch else ""
    elapsed = fmt.duration(elapsed_s(job, job.seen_at))
    step = f"Step {run.step:,} of {fmt.count(run.total_steps)}" if run else "Not started"
    return h(
        "div",
        {"class": "gw-well"},
        h(
            "div",
            {"class": "gw-row", "style": {"align-items": "flex-start"}},
            h(
                "div",
                {"style": {"min-width": "0"}},
                h("b", {"class": "gw-strong"}, job.name),
                h("div", {"class": "gw-small gw-soft"}, f"{epoch}{elapsed} elapsed"),
            ),
            h("span", {"class": "gw-spacer"}),
            h(
                "div",
                {"class": "gw-num"},
                h("div", {"class": "gw-stat--spent"}, fmt.money(job.cost, job.currency)),
                h("div", {"class": "gw-small gw-muted"}, "spent"),
            ),
        ),
        h(
            "div",
            {"class": "gw-bar gw-bar--8", "style": {"margin": "12px 0 6px"}},
            h("span", {"class": "gw-bar__f", "style": {"width": f"{(share or 0) * 100:.1f}%"}}),
        ),
        h("div", {"class": "gw-small gw-soft"}, f"{fmt.percent(share, 0)} Complete ({step})"),
    )


def _impact(job: JobSnapshot | None) -> Node:
    """What will happen to the job; to each of several for None."""
    lines = [
        ("x", "gw-t-red", "Training will stop immediately at current step"),
        ("x", "gw-t-red", "The machine is released within 60 seconds"),
        ("check", "gw-t-green", "Partial progress will be saved for review"),
        ("x", "gw-t-red", "This job cannot be resumed" if job else "These jobs cannot be resumed"),
    ]
    if job is not None:
        cost = fmt.money(job.cost, job.currency)
        lines.append(("info", "gw-muted", f"Final cost: {cost} based on elapsed time"))
    return h(
        "div",
        None,
        h("h3", {"class": "gw-modal__sub"}, "What will happen:"),
        h(
            "ul",
            {"class": "gw-impact"},
            [
                h("li", None, icon(name, 14, classes=tone), h("span", None, text))
                for name, tone, text in lines
            ],
        ),
    )


def _reason(with_note: bool) -> Node:
    options = [h("option", {"value": ""}, "Choose a reason")]
    options += [h("option", {"value": reason}, reason) for reason in REASONS]
    title = h(
        "span",
        {"class": "gw-modal__sub"},
        "Why are you cancelling? ",
        h("span", {"class": "gw-t-red", "aria-hidden": True}, "*"),
    )
    note = h(
        "input",
        {"class": "gw-input", "type": "text", "placeholder": "In a few words", "maxlength": 200,
         "aria-label": "The reason in your own words"},
        on={"input": "note"},
    )  # fmt: skip
    return h(
        "label",
        {"class": "gw-field gw-field--stack"},
        title,
        _select(options, "Why are you cancelling? Required", "reason"),
        note if with_note else None,
    )


def _sure() -> Node:
    return h(
        "label",
        {"class": "gw-check"},
        h("input", {"type": "checkbox"}, on={"change": "sure"}),
        h("span", None, "I understand this action cannot be undone"),
    )


def _select(options: Sequence[Node], label: str, name: str) -> Node:
    return h(
        "span",
        {"class": "gw-selectwrap"},
        h("select", {"class": "gw-select", "aria-label": label}, options, on={"change": name}),
        icon("chev-d"),
    )
