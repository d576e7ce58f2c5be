"""Requests to the API of EventBridge as they are, with no SDK that checks them before."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit


class RawEvents:
    """One connection to LocalStack, for one account."""

    def __init__(self, endpoint: str, account: str, region: str = "us-east-1") -> None:
        parts = urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        signed = f"Credential={account}/20260101/{region}/events/aws4_request"
        self._headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 {signed}, SignedHeaders=host, Signature=0",
        }

    def send(self, operation: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and answer to a request with this body."""
        headers = self._headers | {"X-Amz-Target": f"AWSEvents.{operation}"}
        self._connection.request("POST", "/", body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else {}

    def call(self, operation: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer to a request with these parameters."""
        return self.send(operation, json.dumps(parameters).encode())

    def close(self) -> None:
        self._connection.close()
