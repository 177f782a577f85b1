from alembic import context
from flask import current_app

config = context.config
target = current_app.extensions["migrate"].db


def run_migrations_offline():
    context.configure(url=str(target.engine.url), target_metadata=target.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    with target.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=target.metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
