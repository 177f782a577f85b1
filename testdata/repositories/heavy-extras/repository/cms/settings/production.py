import os

from google.cloud import secretmanager

from .base import *

DATABASES["default"]["ENGINE"] = "django_prometheus.db.backends.postgresql"
SECRET_KEY = secretmanager.SecretManagerServiceClient().access_secret_version(name=os.environ["KEY_NAME"])
