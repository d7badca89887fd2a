"""A deletion is a state with a time, which a later state ends.

Before, a deletion had the time 1e18, and a client could send any time. Both lasted forever: they
become states of now.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_FOREVER = 1e18


def upgrade() -> None:
    """Add `tasks.deleted`, and bound all times by now."""
    if "deleted" not in {
        column["name"] for column in sa.inspect(op.get_bind()).get_columns("tasks")
    }:
        deleted: sa.Column[bool] = sa.Column(
            "deleted", sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column("tasks", deleted)
    tasks = sa.table(
        "tasks", sa.column("deleted", sa.Boolean()), sa.column("updated_at", sa.Float())
    )
    op.execute(tasks.update().where(tasks.c.updated_at >= _FOREVER).values(deleted=True))
    now = time.time()
    for name in ("projects", "tasks", "annotations"):
        table = sa.table(name, sa.column("updated_at", sa.Float()))
        op.execute(table.update().where(table.c.updated_at > now).values(updated_at=now))
