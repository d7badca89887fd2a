"""The schema of the releases before migrations.

Tables and indexes are created only where they do not exist: the databases of those releases have
all of them or, if only `python -m model_store` has written to them, some.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables and indexes."""
    op.create_table(
        "projects",
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("label_config", sa.String(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "tasks",
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("task", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "annotations",
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("annotation", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("task", sa.BigInteger()),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("annotator", sa.BigInteger()),
        sa.Column("updated_at", sa.Float(), nullable=False),
        if_not_exists=True,
    )
    op.create_index("annotations_of_task", "annotations", ["project", "task"], if_not_exists=True)
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("annotations", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float()),
        sa.Column("ended_at", sa.Float()),
        sa.Column("version", sa.String()),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("host", sa.String()),
        sa.Column("pid", sa.Integer()),
        sa.Column("seen_at", sa.Float()),
        if_not_exists=True,
    )
    is_open = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "one_open_job_per_project",
        "jobs",
        ["project"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
        if_not_exists=True,
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("version", sa.String()),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("ensemble", sa.Boolean(), nullable=False),
        sa.Column("is_rollback", sa.Boolean(), nullable=False),
        sa.Column("effective_at", sa.Float(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_deployments_project", "deployments", ["project"], if_not_exists=True)
