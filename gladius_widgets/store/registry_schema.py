"""The registry's tables, its version, and how an older one becomes the newest."""

import sqlalchemy as sa

# Raise it with every change and add the statements that lead there to MIGRATIONS.
SCHEMA_VERSION = 1

metadata = sa.MetaData()

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("started_at", sa.Float),  # first time it got a slot
    sa.Column("ended_at", sa.Float),
    sa.Column("position", sa.Float, nullable=False),  # place in the queue; lower goes first
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("claimed_at", sa.Float),  # when the current attempt got its slot
    sa.Column("holds_slot", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("step", sa.Integer, nullable=False, server_default="0"),
    sa.Column("total_steps", sa.Integer),
    sa.Column("cost", sa.Float),
    sa.Column("currency", sa.Text, nullable=False, server_default="USD"),
    sa.Column("hourly_rate", sa.Float),
    sa.Column("gpus", sa.Integer, nullable=False, server_default="0"),
    sa.Column("config_line", sa.Text, nullable=False, server_default=""),
    sa.Column("engine", sa.Text, nullable=False, server_default="local"),
    sa.Column("error", sa.JSON(none_as_null=True)),  # {type, message}
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.Index("jobs_by_status", "status", "position"),
    sa.Index("jobs_by_name", "name"),
    sa.Index("jobs_by_created_at", "created_at"),
)

# version → statements that make it out of the one before
MIGRATIONS: dict[int, list[str]] = {}

# One statement, so that it is one claim whatever else happens. Never more than :slots jobs
# hold a slot; the first in the queue goes first.
CLAIM = sa.text(
    """
    UPDATE jobs
       SET status = 'provisioning', holds_slot = 1, claimed_at = :now, updated_at = :now,
           started_at = COALESCE(started_at, :now), ended_at = NULL
     WHERE id = (SELECT id FROM jobs WHERE status = 'queued'
                  ORDER BY position, created_at LIMIT 1)
       AND (SELECT COUNT(*) FROM jobs WHERE holds_slot = 1) < :slots
    RETURNING *
    """
).columns(*jobs.columns)
