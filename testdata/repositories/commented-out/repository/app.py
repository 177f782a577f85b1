# from fastapi import FastAPI
# api = FastAPI()
"""The service.

from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
from flask import Flask

# DATABASE_URL = "postgresql://localhost/x"
note = "we moved away from 'postgresql://localhost'"
app = Flask(__name__)


# @app.route("/health")
@app.route("/")
def index():
    return note
