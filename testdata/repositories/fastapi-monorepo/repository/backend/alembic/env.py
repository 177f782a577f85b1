import asyncio

from alembic import context

from app.db import engine
from app.models import Base


async def run():
    async with engine.connect() as connection:
        await connection.run_sync(lambda c: context.configure(connection=c, target_metadata=Base.metadata))


asyncio.run(run())
