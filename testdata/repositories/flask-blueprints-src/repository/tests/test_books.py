from desk.web import make_app


def test_index():
    assert make_app().test_client().get("/books/").status_code == 200
