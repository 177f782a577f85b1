import os
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = \
    "mysql://root@localhost/stock"


@app.route("/ping")
def ping():
    return "Grüße"
