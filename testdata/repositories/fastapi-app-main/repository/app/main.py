from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.api import rooms
from app.db import Base, engine


@asynccontextmanager
async def lifespan(_: FastAPI):
    Base.metadata.create_all(engine)
    yield


app = FastAPI(title="Bookings", lifespan=lifespan)
app.include_router(rooms.router)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}
