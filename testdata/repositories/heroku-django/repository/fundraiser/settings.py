from pathlib import Path

import dj_database_url
from decouple import Csv, config

BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = config("SECRET_KEY")
ALLOWED_HOSTS = config("ALLOWED_HOSTS", cast=Csv())
INSTALLED_APPS = ["django.contrib.staticfiles", "fundraiser"]
WSGI_APPLICATION = "fundraiser.wsgi.application"
DATABASES = {"default": dj_database_url.config(default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}")}
STATIC_ROOT = BASE_DIR / "staticfiles"
