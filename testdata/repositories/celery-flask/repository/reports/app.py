import os

from celery import Celery
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
celery = Celery(__name__, broker=os.getenv("REDIS_URL", "redis://localhost:6379/0"))


def create_app(config_name="default"):
    flask_app = Flask(__name__)
    flask_app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    flask_app.config["UPLOAD_FOLDER"] = "uploads"
    db.init_app(flask_app)
    return flask_app


app = create_app(os.getenv("FLASK_CONFIG") or "default")
