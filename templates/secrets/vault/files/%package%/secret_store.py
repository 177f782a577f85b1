"""Vault: one secret of the KV engine, version 2, read with a token that is renewed."""

from collections.abc import Callable, Mapping

import hvac
from hvac.exceptions import VaultError

TIMEOUT = 5  # seconds for each of the requests, two at most
ERRORS = (VaultError, OSError, KeyError)

_client: hvac.Client | None = None


def read(path: str, lookup: Callable[[str], str]) -> Mapping[str, object]:
    """Return the newest version; one that was deleted is an error."""
    answer = _authenticated(lookup).secrets.kv.v2.read_secret_version(
        path=path, mount_point=lookup("VAULT_MOUNT") or "secret", raise_on_deleted_version=True
    )
    document: Mapping[str, object] = answer["data"]["data"]
    return document


def reason(error: Exception) -> str:
    return type(error).__name__


def _authenticated(lookup: Callable[[str], str]) -> hvac.Client:
    """Return a client whose token lives on, or who has logged in anew."""
    global _client
    if _client is not None:
        try:
            _client.auth.token.renew_self()
        except VaultError:  # it has expired, is as old as it may get, or was revoked
            _client = None
    if _client is None:
        _client = _login(lookup)
    return _client


def _login(lookup: Callable[[str], str]) -> hvac.Client:
    address = lookup("VAULT_ADDR")
    if not address:
        raise ValueError("VAULT_ADDR is missing")
    client = hvac.Client(
        url=address,
        token="",  # nosec B106  # none, where hvac would take one of the environment or the home
        verify=lookup("VAULT_CACERT") or True,
        timeout=TIMEOUT,
        namespace=lookup("VAULT_NAMESPACE") or None,
    )
    if role_id := lookup("VAULT_ROLE_ID"):
        client.auth.approle.login(role_id=role_id, secret_id=lookup("VAULT_SECRET_ID") or None)
    elif role := lookup("VAULT_ROLE"):
        client.auth.kubernetes.login(role=role, jwt=lookup("VAULT_JWT"))
    else:
        raise ValueError("VAULT_ROLE_ID or VAULT_ROLE is missing")
    return client
