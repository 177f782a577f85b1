from flask import Blueprint, abort, jsonify, request
from sqlalchemy.exc import IntegrityError

from .extensions import db
from .models import Item

bp = Blueprint("items", __name__, url_prefix="/items")


def as_json(item):
    return {"id": item.id, "name": item.name, "quantity": item.quantity}


@bp.get("/")
def index():
    return jsonify([as_json(item) for item in db.session.scalars(db.select(Item).order_by(Item.name))])


@bp.post("/")
def create():
    data = request.get_json()
    item = Item(name=data["name"], quantity=data.get("quantity", 0))
    db.session.add(item)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        abort(409)
    return as_json(item), 201


@bp.get("/<int:item_id>")
def show(item_id):
    return as_json(db.get_or_404(Item, item_id))
