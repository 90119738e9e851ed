"""Numbers and times as a terminal shows them; unknown is –."""

import time
from typing import Any

from gladius_widgets.cli.options import print_table
from gladius_widgets.core.text.amounts import amount_text
from gladius_widgets.core.text.durations import ACTIVE, DURATION, ELAPSED, duration_text
from gladius_widgets.core.text.terminal_text import visible
from gladius_widgets.store.registry.registry import Job


def duration(seconds: float | None) -> str:
    """`45s`, `6m 12s`, `6h 23m`."""
    return "–" if seconds is None else duration_text(seconds)


def money(amount: float | None, currency: str) -> str:
    """`22.18 USD`."""
    return "–" if amount is None else f"{amount_text(amount)} {currency}"


def moment(unix_s: float | None) -> str:
    """Local date and time."""
    return "–" if unix_s is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_s))


def steps(done: int, total: int | None) -> str:
    """`20/60 (33%)`."""
    return f"{done}/{total} ({done / total:.0%})" if total else str(done)


def print_jobs(jobs: list[Job]) -> None:
    """One line a job."""
    now = time.time()
    print_table(
        ["ID", "NAME", "STATUS", "STEP", "STARTED", "DURATION", "COST", "BY"],
        [
            [
                job.id,
                job.name if len(job.name) <= 32 else job.name[:31] + "…",
                job.status,
                steps(job.step, job.total_steps),
                moment(job.started_at),
                duration(job.duration_s(now)),
                money(job.cost, job.currency),
                job.created_by,
            ]
            for job in jobs
        ],
    )


def print_state(job: Job, state: dict[str, Any]) -> None:
    """One job, for people."""
    metrics, timing, pids = state["metrics"], state["timing"], state["pids"]
    lines = {
        "Job": f"{job.name} ({job.id})",
        "Status": state["status"] + (f", {state['stage']}" if state["stage"] else ""),
        "Config": job.config_line,
        "Created": f"{moment(job.created_at)} by {job.created_by}",
        "Attempt": str(state["attempt"]),
        "Step": steps(state["step"], state["total_steps"]),
        "Epoch": steps(state["epoch"]["current"], state["epoch"]["total"]),
        "Loss": _number(metrics["loss"], ".4f"),
        "Learning rate": _number(metrics["learning_rate"], ".3g"),
        "Tokens/s": _number(metrics["throughput"], ",.0f", " in the last step"),
        ELAPSED.label: duration(timing["elapsed"]),
        ACTIVE.label: duration(timing["active"]),
        DURATION.label: duration(timing["duration"]),
        "Remaining": duration(timing["remaining"]),
        "Cost": money(state["cost"], job.currency),
        "Processes": ", ".join(
            f"{role} {pid}"
            for role, pid in [
                ("runner", pids["runner"]),
                ("launcher", pids["launcher"]),
                *[("rank", pid) for pid in pids["ranks"]],
            ]
            if pid is not None
        )
        or "none",
    }
    waiting = state.get("waiting")
    if waiting:
        starts = moment(waiting["starts_at"])
        lines["Waiting"] = f"place {waiting['place']}, starts {starts}"
        if waiting["reason"]:
            lines["Why"] = f"{waiting['reason']}. {waiting['way_out']}".strip()
    if job.gpu_uuids and job.holds_slot:
        lines["GPUs"] = ", ".join(job.gpu_uuids)
    if state["error"]:
        lines["Error"] = f"{state['error'].get('type')}: {state['error'].get('message')}"
    if state["problems"]:
        lines["Damaged"] = " ".join(state["problems"])
    for label, text in lines.items():
        print(f"{label + ':':<15}{visible(text)}")


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{form}}{unit}"
