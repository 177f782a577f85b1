from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import get_session
from app.models import Room

router = APIRouter(prefix="/rooms", tags=["rooms"])
Database = Annotated[Session, Depends(get_session)]


class NewRoom(BaseModel):
    name: str
    seats: int


class RoomOut(NewRoom):
    model_config = ConfigDict(from_attributes=True)
    id: int


@router.get("/", response_model=list[RoomOut])
def list_rooms(session: Database):
    return session.scalars(select(Room).order_by(Room.name)).all()


@router.post("/", response_model=RoomOut, status_code=201)
def create_room(room: NewRoom, session: Database):
    if session.scalar(select(Room).where(Room.name == room.name)):
        raise HTTPException(409)
    created = Room(**room.model_dump())
    session.add(created)
    session.commit()
    return created
