"""A ready answer that needs no template, no session and no database."""

from typing import NamedTuple


class Page(NamedTuple):
    content_type: str
    body: bytes
