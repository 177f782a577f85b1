from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app.routers import parcels

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["http://localhost:3000"])
app.include_router(parcels.router, prefix="/api")
