"""How the rehearsal uses the service. Yours does something else: change this file with it.

Without this file the rehearsal leaves out what needs data: the comparison after a restore is one of
the database's own rows and files alone.
"""

import hashlib
import json
import re
import uuid

from service import BrokenError, Service

_JSON = {"Content-Type": "application/json"}
_TOKEN = re.compile(r'<input[^>]*name="([^"]*csrf[^"]*)"[^>]*value="([^"]+)"')
_ATTACHMENT = re.compile(r"/notes/[0-9a-f-]+/attachment")
PAGE = "/"


def use(service: Service) -> str:
    """Do once what users do, and return what was done."""
    write(service, "By the API")
    again = _note("By the API")
    service.expect("its title again", "POST", "/api/notes", 409, body=again, headers=_JSON)
    service.expect("a wrong method", "PUT", PAGE, 405)
    page = service.expect("the page", "GET", PAGE, 200)
    if not (token := _TOKEN.search(page.text)):
        raise BrokenError("the page's form has no token against forgery")
    content = uuid.uuid4().bytes
    _post_form(service, {"title": "Forged"}, content, 400, 403)
    _post_form(service, {"title": "By the form", token[1]: token[2]}, content, 303)
    page = service.expect("the page", "GET", PAGE, 200)
    if not (link := _ATTACHMENT.search(page.text)):
        raise BrokenError("the page has no link to the attachment")
    if service.expect("the attachment", "GET", link[0], 200).body != content:
        raise BrokenError("the attachment came back with another content")
    return "a form with an attachment, the API, and a forged form, which was refused"


def write(service: Service, title: str) -> None:
    """Write something that `titles` finds again."""
    service.expect("a note", "POST", "/api/notes", 201, body=_note(title), headers=_JSON)


def titles(service: Service) -> list[str]:
    return [note["title"] for note in _notes(service)]


def fingerprint(service: Service) -> str:
    """Return a text that is another one if anything in the data is."""
    digest = hashlib.sha256(json.dumps(_notes(service), sort_keys=True).encode())
    page = service.expect("the page", "GET", PAGE, 200)
    for link in sorted(_ATTACHMENT.findall(page.text)):
        digest.update(service.expect("an attachment", "GET", link, 200).body)
    return digest.hexdigest()


def _note(title: str) -> bytes:
    return json.dumps({"title": title}).encode()


def _notes(service: Service) -> list[dict[str, str]]:
    notes: list[dict[str, str]] = []
    after = ""
    while True:
        answer = service.expect("the list", "GET", f"/api/notes?limit=100{after}", 200)
        page = json.loads(answer.text)
        notes += page["notes"]
        if not page["next"]:
            return notes
        after = f"&after={page['next']}"


def _post_form(service: Service, fields: dict[str, str], content: bytes, *statuses: int) -> None:
    boundary = uuid.uuid4().hex
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    body += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="attachment"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Origin": service.origin,
        "Referer": f"{service.origin}/",
    }
    service.expect("the form", "POST", "/notes", *statuses, body=body, headers=headers)
