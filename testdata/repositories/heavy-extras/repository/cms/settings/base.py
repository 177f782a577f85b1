import dj_database_url

INSTALLED_APPS = ["wagtail", "django.contrib.auth"]
DATABASES = {"default": dj_database_url.config(default="sqlite:///db.sqlite3")}
