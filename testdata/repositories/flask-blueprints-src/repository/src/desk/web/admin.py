from flask import Blueprint

blueprint = Blueprint("admin", __name__)


@blueprint.route("/ping")
def ping():
    return "pong"
