from flask import Flask
from flask_restful import Api

from readings.resources import Reading


class ReadingsApp(Flask):
    """Flask with our defaults."""

    json_sort_keys = False


def build():
    app = ReadingsApp(__name__)
    api = Api(app)
    api.add_resource(Reading, "/readings")
    return app
