from api import api


def test_status():
    assert api.test_client().get("/status").status_code == 200
