"""Give each note a status.

The database's own default fills the rows that are there and those that the former release writes
while both run. Such a column is added without a rewrite of the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "notes", sa.Column("status", sa.String(16), server_default="open", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("notes", "status")
