"""What comes in and goes out, checked here and nowhere else."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a character that cannot be stored")
    return value


class NoteIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
        AfterValidator(_storable),
    ]
    body: Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)] = ""


class NoteOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str
    body: str
    status: str
    attachment: str | None = Field(validation_alias="attachment_name")
    created_at: datetime
    updated_at: datetime


class Paging(BaseModel):
    limit: int = Field(default=50, ge=1, le=100)
    after: UUID | None = None


class NotePage(BaseModel):
    notes: list[NoteOut]
    next: UUID | None = Field(description="`after` of the next page")
