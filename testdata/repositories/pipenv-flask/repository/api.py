import os

import pymysql
from flask import Flask, jsonify

api = Flask(__name__)


def connect():
    return pymysql.connect(host=os.environ["MYSQL_HOST"], user=os.environ["MYSQL_USER"], password=os.environ["MYSQL_PASSWORD"])


@api.route("/status")
def status():
    return jsonify(ok=True)
