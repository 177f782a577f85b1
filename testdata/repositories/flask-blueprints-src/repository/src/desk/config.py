import os


class Config:
    SECRET_KEY = os.environ["SECRET_KEY"]
    DATABASE = os.getenv("DATABASE_URL", "sqlite:///library.db")


class TestingConfig(Config):
    TESTING = True
    DATABASE = "sqlite://"
