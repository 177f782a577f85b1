import os

from flask import Flask

from .extensions import db, migrate


def create_app(config=None):
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=os.environ.get("SECRET_KEY", "dev"),
        SQLALCHEMY_DATABASE_URI=os.environ.get("DATABASE_URL", "postgresql+psycopg://localhost/inventory"),
    )
    if config:
        app.config.update(config)

    db.init_app(app)
    migrate.init_app(app, db)

    from . import items

    app.register_blueprint(items.bp)

    @app.get("/health")
    def health():
        return {"status": "ok"}

    return app
