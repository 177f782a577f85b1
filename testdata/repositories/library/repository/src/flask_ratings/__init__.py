"""Ratings for Flask.

    from flask import Flask
    app = Flask(__name__)
    Ratings(app)
"""
from flask import current_app


class Ratings:
    def __init__(self, app=None):
        if app is not None:
            self.init_app(app)

    def init_app(self, app):
        app.extensions["ratings"] = self

    def rate(self, value):
        return current_app.extensions["ratings"], value
