import psycopg2


def test_rate(app):
    assert app
