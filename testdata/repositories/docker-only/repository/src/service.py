import aiosqlite
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles

from src.store import find

app = FastAPI(docs_url=None)
app.mount("/static", StaticFiles(directory="static"))


@app.get("/{slug}")
async def follow(slug: str):
    async with aiosqlite.connect("/data/links.db") as db:
        return RedirectResponse(await find(db, slug))
