import os
import sqlite3

from flask import Flask, g, jsonify, request

app = Flask(__name__)
app.config["DATABASE"] = os.environ.get("DATABASE", "todo.db")


def get_db():
    if "db" not in g:
        g.db = sqlite3.connect(app.config["DATABASE"])
        g.db.row_factory = sqlite3.Row
    return g.db


@app.teardown_appcontext
def close_db(error):
    db = g.pop("db", None)
    if db is not None:
        db.close()


@app.route("/")
def index():
    rows = get_db().execute("SELECT id, title, done FROM todo ORDER BY id").fetchall()
    return jsonify([dict(row) for row in rows])


@app.route("/todo", methods=["POST"])
def add():
    get_db().execute("INSERT INTO todo (title, done) VALUES (?, 0)", (request.form["title"],))
    get_db().commit()
    return "", 201


if __name__ == "__main__":
    app.run(debug=True)
