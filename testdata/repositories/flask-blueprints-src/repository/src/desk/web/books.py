from flask import Blueprint, render_template

blueprint = Blueprint("books", __name__, url_prefix="/books")


@blueprint.route("/")
def index():
    return render_template("books.html")
