"""Add a migration to the code, as a later release has one: it makes a table."""

from pathlib import Path

from alembic.script import ScriptDirectory

head = ScriptDirectory("migrations").get_current_head()
Path("migrations/versions/rehearsal.py").write_text(
    f'''"""A table more."""

from alembic import op

revision = "rehearsal"
down_revision = {head!r}


def upgrade() -> None:
    op.execute("CREATE TABLE rehearsal (id INTEGER)")


def downgrade() -> None:
    op.execute("DROP TABLE rehearsal")
''',
    encoding="utf-8",
)
