from waitress import serve

from desk.web import make_app


def main():
    serve(make_app(), listen="*:8080")
