"""AWS Secrets Manager: one secret, whose text is a JSON object."""

import json
from collections.abc import Callable, Mapping

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ERRORS = (BotoCoreError, ClientError, KeyError)

# Seconds; a request is tried three times at most
_CONFIG = Config(
    connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)


def read(path: str, lookup: Callable[[str], str]) -> Mapping[str, object]:
    """Return the current version, AWSCURRENT."""
    client = boto3.client(
        "secretsmanager", region_name=lookup("AWS_REGION") or None, config=_CONFIG
    )
    document: Mapping[str, object] = json.loads(
        client.get_secret_value(SecretId=path)["SecretString"]
    )
    return document


def reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__
