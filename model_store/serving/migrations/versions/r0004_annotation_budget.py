"""What annotations cost, what a training says about each, and what was accepted unseen."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns of annotations and projects, and four tables."""
    found = sa.inspect(op.get_bind())
    prefilled: sa.Column[bool] = sa.Column(
        "is_prefilled", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    columns: list[tuple[str, sa.Column[Any]]] = [
        ("projects", sa.Column("task_count", sa.BigInteger())),
        ("annotations", sa.Column("seconds", sa.Float())),
        ("annotations", prefilled),
    ]
    for table, column in columns:
        if column.name not in {each["name"] for each in found.get_columns(table)}:
            op.add_column(table, column)
    if not found.has_table("judgements"):
        _create_tables()


def _create_tables() -> None:
    op.create_table(
        "judgements",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("control", sa.String(), nullable=False),
        sa.Column("task", sa.BigInteger(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("predicted", sa.JSON(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.Column("is_suspect", sa.Boolean(), nullable=False),
        sa.Column("is_disputed", sa.Boolean(), nullable=False),
        sa.Column("is_confirmed", sa.Boolean(), nullable=False),
        sa.Column("judged_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("project", "control", "task"),
    )
    op.create_table(
        "acceptances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("max_error", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_acceptances_project", "acceptances", ["project"])
    op.create_table(
        "accepted_tasks",
        sa.Column("acceptance", sa.Integer(), nullable=False),
        sa.Column("task", sa.BigInteger(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("is_audited", sa.Boolean(), nullable=False),
        sa.Column("annotation", sa.BigInteger()),
        sa.PrimaryKeyConstraint("acceptance", "task"),
    )
    op.create_index("accepted_tasks_of_project", "accepted_tasks", ["project", "task"])
    op.create_table(
        "project_notes",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "name"),
    )
