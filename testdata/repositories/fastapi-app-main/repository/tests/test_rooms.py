from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import app

other = FastAPI()


def test_rooms():
    with TestClient(app) as client:
        assert client.get("/rooms/").status_code == 200
