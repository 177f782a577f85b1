import pytest

from inventory import create_app
from inventory.extensions import db


@pytest.fixture
def client():
    app = create_app({"TESTING": True, "SQLALCHEMY_DATABASE_URI": "sqlite://"})
    with app.app_context():
        db.create_all()
        yield app.test_client()


def test_create(client):
    assert client.post("/items/", json={"name": "bolt"}).status_code == 201
