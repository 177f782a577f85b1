from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

from telemetry.routes import router


def get_app() -> FastAPI:
    application = FastAPI(title="Telemetry")
    application.include_router(router, prefix="/v1")
    Instrumentator().instrument(application).expose(application)
    return application
