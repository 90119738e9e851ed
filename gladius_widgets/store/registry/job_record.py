"""job.json: what a run directory says of its job, enough to rebuild the registry's row."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.text.terminal_text import visible
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.schema import SCHEMA_VERSION

# Anybody's, when a run directory was copied from elsewhere.
Text = Annotated[str, AfterValidator(lambda text: visible(text)[:1000])]


class JobRecord(BaseModel):
    """The part of job.json that becomes a row, and what stands for it when missing.

    `position` is None in records of version 1, which had it in the registry only.
    """

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    name: Text
    created_by: Text = ""
    created_at: float = 0.0
    config_line: Text = ""
    engine: str = "local"
    hourly_rate: float | None = None
    currency: str = "USD"
    gpus: int = Field(default=0, ge=0, lt=2**31)
    position: float | None = None
    held: bool = False
    not_before: float | None = None
    depends_on: list[str] = Field(default_factory=list)
    estimate_low_s: float | None = None
    estimate_high_s: float | None = None
    max_attempts: int = Field(default=1, ge=1, lt=2**31)
    retry_backoff_s: float = Field(default=60.0, ge=0)
    retries: int = Field(default=0, ge=0, lt=2**31)
    cost_note: Text = ""


def read_record(run: RunDirectory) -> tuple[dict[str, Any], JobRecord] | None:
    """job.json as it is and as a row needs it; None when it cannot be read."""
    value = read_json(run.job)
    if not isinstance(value, dict):
        return None
    try:
        return value, JobRecord.model_validate(value)
    except ValidationError:
        return None


def write_record(run: RunDirectory, job: Job, **more: Any) -> None:
    """Bring job.json in line with a row; keys that only job.json has stay as they are.

    A file that cannot be read is written anew from the row. To be called while the registry is
    locked for writing, so that there is one writer.

    Args:
        run: the run directory.
        job: the row as it will be.
        more: keys to set that are no part of a row, such as `config_file`.
    """
    known = read_json(run.job)
    row = asdict(job)
    write_json(
        run.job,
        {"version": 1, "id": job.id}
        | (known if isinstance(known, dict) else {})
        | {name: row[name] for name in JobRecord.model_fields}
        | more
        | {"home_version": SCHEMA_VERSION},
    )
