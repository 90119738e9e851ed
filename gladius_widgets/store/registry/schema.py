"""The registry's tables, its version, and how an older one becomes the newest."""

import sqlalchemy as sa

# Raise it with every change and add the statements that lead there to MIGRATIONS.
SCHEMA_VERSION = 3

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
    # Place in the queue; lower goes first. The moment it was queued (unix s), or, after a
    # reorder, one between its neighbours', so that a rebuilt registry has the same order.
    sa.Column("position", sa.Float, nullable=False),
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
    # Since version 2
    sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("not_before", sa.Float),  # scheduled start, or the end of a retry's back-off
    sa.Column("depends_on", sa.JSON, nullable=False, server_default="[]"),  # ids of jobs
    sa.Column("remaining_s", sa.Float),
    sa.Column("estimate_low_s", sa.Float),
    sa.Column("estimate_high_s", sa.Float),
    sa.Column("max_attempts", sa.Integer, nullable=False, server_default="1"),
    sa.Column("retry_backoff_s", sa.Float, nullable=False, server_default="60"),
    sa.Column("retries", sa.Integer, nullable=False, server_default="0"),  # since a person's say
    sa.Column("ran_s", sa.Float, nullable=False, server_default="0"),  # in attempts that are over
    sa.Column("running_since", sa.Float),  # start of the attempt that runs
    sa.Column("cost_note", sa.Text, nullable=False, server_default=""),  # why there is no rate
    # Since version 3
    sa.Column("gpu_uuids", sa.JSON, nullable=False, server_default="[]"),  # given to the attempt
    sa.Index("jobs_by_status", "status", "position"),
    sa.Index("jobs_by_name", "name"),
    sa.Index("jobs_by_created_at", "created_at"),
    sa.Index("jobs_by_creator", "created_by"),
    sa.Index("jobs_with_slot", "holds_slot", sqlite_where=sa.text("holds_slot = 1")),
    sa.Index("jobs_to_retry", "status", sqlite_where=sa.text("max_attempts > 1")),
)

# version → statements that make it out of the one before
MIGRATIONS: dict[int, list[str]] = {
    2: [
        "ALTER TABLE jobs ADD COLUMN held BOOLEAN DEFAULT 0 NOT NULL",
        "ALTER TABLE jobs ADD COLUMN not_before FLOAT",
        "ALTER TABLE jobs ADD COLUMN depends_on JSON DEFAULT '[]' NOT NULL",
        "ALTER TABLE jobs ADD COLUMN remaining_s FLOAT",
        "ALTER TABLE jobs ADD COLUMN estimate_low_s FLOAT",
        "ALTER TABLE jobs ADD COLUMN estimate_high_s FLOAT",
        "ALTER TABLE jobs ADD COLUMN max_attempts INTEGER DEFAULT 1 NOT NULL",
        "ALTER TABLE jobs ADD COLUMN retry_backoff_s FLOAT DEFAULT 60 NOT NULL",
        "ALTER TABLE jobs ADD COLUMN retries INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE jobs ADD COLUMN ran_s FLOAT DEFAULT 0 NOT NULL",
        "ALTER TABLE jobs ADD COLUMN running_since FLOAT",
        "ALTER TABLE jobs ADD COLUMN cost_note TEXT DEFAULT '' NOT NULL",
        "UPDATE jobs SET ran_s = ended_at - started_at WHERE ended_at > started_at",
        "CREATE INDEX jobs_by_creator ON jobs (created_by)",
        "CREATE INDEX jobs_with_slot ON jobs (holds_slot) WHERE holds_slot = 1",
        "CREATE INDEX jobs_to_retry ON jobs (status) WHERE max_attempts > 1",
    ],
    3: ["ALTER TABLE jobs ADD COLUMN gpu_uuids JSON DEFAULT '[]' NOT NULL"],
}

# Columns that an upgrade fills from the run directories
FROM_RUNS = ("remaining_s", "ran_s", "running_since", "gpu_uuids")
