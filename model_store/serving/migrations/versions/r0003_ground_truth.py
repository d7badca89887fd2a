"""An annotation can be the ground truth of its task. Of stored annotations, that is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add `annotations.ground_truth`."""
    columns = sa.inspect(op.get_bind()).get_columns("annotations")
    if "ground_truth" not in {column["name"] for column in columns}:
        ground_truth: sa.Column[bool] = sa.Column(
            "ground_truth", sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column("annotations", ground_truth)
