import hvac
import mysql.connector
from flask import Flask

app = Flask(__name__)
vault = hvac.Client()


def connect():
    secret = vault.secrets.kv.read_secret_version(path="votes")["data"]["data"]
    return mysql.connector.connect(host="mysql", user="votes", password=secret["password"])


@app.route("/health/live")
def live():
    return "ok"


@app.route("/healthz")
def healthz():
    connect().ping()
    return "ok"
