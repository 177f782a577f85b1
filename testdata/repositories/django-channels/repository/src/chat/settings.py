ASGI_APPLICATION = "chat.asgi.application"
INSTALLED_APPS = ["daphne", "channels", "django.contrib.auth"]
DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "NAME": "chat"}}
LOGGING = {"version": 1, "handlers": {"file": {"class": "logging.handlers.RotatingFileHandler"}}}
