"""Google Secret Manager: one secret, whose payload is a JSON object."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceRestTransport,
)
from google.oauth2.service_account import Credentials

ENDPOINT = "https://secretmanager.googleapis.com"
TIMEOUT = 10  # seconds, with all that is tried again
ERRORS = (GoogleAPIError, GoogleAuthError, OSError)

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def read(path: str, lookup: Callable[[str], str]) -> Mapping[str, object]:
    """Return the newest version, unless the path names another."""
    name = path if "/versions/" in path else f"{path}/versions/latest"
    with _client(lookup) as client:
        answer = client.access_secret_version(name=name, timeout=TIMEOUT)
    document: Mapping[str, object] = json.loads(answer.payload.data)
    return document


def reason(error: Exception) -> str:
    return type(error).__name__


def _client(lookup: Callable[[str], str]) -> SecretManagerServiceClient:
    """Return a client that speaks HTTP: gRPC has threads, which the server's forks would break."""
    address = urlsplit(lookup("SECRET_MANAGER_ENDPOINT") or ENDPOINT)
    credentials = None  # those of the machine
    if address.scheme == "http":
        credentials = AnonymousCredentials()
    elif key := lookup("GOOGLE_CREDENTIALS"):
        credentials = Credentials.from_service_account_info(json.loads(key), scopes=_SCOPES)
    transport = SecretManagerServiceRestTransport(
        host=address.netloc, url_scheme=address.scheme, credentials=credentials
    )
    return SecretManagerServiceClient(transport=transport)
