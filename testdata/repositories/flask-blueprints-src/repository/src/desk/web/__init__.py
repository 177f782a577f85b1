from flask import Flask

from desk.config import Config
from desk.web import admin, books


def make_app(config_object=Config):
    """Build the application: app = Flask(...) with its blueprints."""
    server = Flask("desk", static_folder="../../assets")
    server.config.from_object(config_object)
    server.register_blueprint(books.blueprint)
    server.register_blueprint(admin.blueprint, url_prefix="/admin")
    return server
