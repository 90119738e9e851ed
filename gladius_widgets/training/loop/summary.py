"""summary.json and summary.md: the run in figures, for people and for scripts."""

from typing import Any

from gladius_widgets.core.atomic import write_bytes, write_json
from gladius_widgets.core.states import JobStatus
from gladius_widgets.core.text.durations import ACTIVE, ELAPSED, duration_text
from gladius_widgets.training.session.session import Session


def write_summary(session: Session, status: JobStatus) -> None:
    """Write both files into the run directory."""
    s, state, timer = session, session.state, session.reporter.timer
    facts: dict[str, Any] = {
        "id": s.run.id,
        "status": status,
        "model": s.reporter.status.model,
        "data": s.config.data.path,
        "rows": s.reporter.status.split_rows,
        "steps": state.step,
        "total_steps": state.total_steps,
        "epochs": state.samples / s.dataset_size,
        "samples": state.samples,
        "tokens": state.tokens,
        "loss": state.loss,
        "validation": state.validation,
        "elapsed_s": timer.elapsed_s(),
        "active_s": timer.active_s(),
        "attempts": s.attempt,
        "skipped_steps": state.skipped_steps,
        "rollbacks": state.rollbacks,
        "oom_recoveries": state.oom_recoveries,
        "checkpoints": s.run.checkpoint_steps(),
    }
    try:
        write_json(s.run.summary_json, facts)
        write_bytes(s.run.summary_md, _markdown(facts).encode())
    except OSError as error:  # a full disk: what was trained stands in the tables all the same
        s.recorder.tell("WARN", f"The summary could not be written: {error.strerror or error}")


def _markdown(facts: dict[str, Any]) -> str:
    rows = [
        ("Status", facts["status"]),
        ("Model", facts["model"].get("name")),
        ("Data", facts["data"]),
        ("Rows", ", ".join(f"{count:,} {split}" for split, count in facts["rows"].items()) or "–"),
        ("Steps", f"{facts['steps']:,} of {facts['total_steps']:,}"),
        ("Epochs", f"{facts['epochs']:.2f}"),
        ("Tokens", f"{facts['tokens']:,}"),
        ("Training loss", _number(facts["loss"])),
    ]
    for split, figures in facts["validation"].items():
        rows += [
            (f"{split.capitalize()} loss", _number(figures.get("loss"))),
            (f"{split.capitalize()} accuracy", f"{figures.get('accuracy', 0):.1%}"),
        ]
    rows += [
        (ELAPSED.label, duration_text(facts["elapsed_s"])),
        (ACTIVE.label, duration_text(facts["active_s"])),
        ("Attempts", facts["attempts"]),
        ("Skipped steps", facts["skipped_steps"]),
        ("Checkpoints", ", ".join(map(str, facts["checkpoints"])) or "–"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"# Run {facts['id']}\n\n| | |\n| --- | --- |\n{table}\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
