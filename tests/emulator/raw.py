"""Requests to the APIs of EventBridge as they are, with no SDK that checks them before."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.model import OperationModel


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


class RawRest:
    """One connection to an API of REST and JSON, for one account."""

    def __init__(
        self, endpoint: str, account: str, service: str, region: str = "us-east-1"
    ) -> None:
        parts = urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        signed = f"Credential={account}/20260101/{region}/{service}/aws4_request"
        self._headers = {
            "Content-Type": "application/json",
            "Authorization": f"AWS4-HMAC-SHA256 {signed}, SignedHeaders=host, Signature=0",
        }

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, str, Any]:
        """Status, error type (or "") and JSON of the answer to a request with this body."""
        self._connection.request(method, path, body or None, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, answer.headers.get("X-Amzn-Errortype", ""), json.loads(text or b"{}")

    def call(self, operation: OperationModel, parameters: dict[str, Any]) -> tuple[int, str, Any]:
        """The answer to a request with these parameters, wherever the model has them."""
        path, query, body = operation.http["requestUri"], [], dict(parameters)
        for name, member in operation.input_shape.members.items():
            place = member.serialization.get("location")
            if place == "uri":
                path = path.replace(f"{{{name}}}", _in_url(body.pop(name, "")))
            elif place == "querystring" and name in body:
                value = body.pop(name)
                key = member.serialization["name"]
                values = value if isinstance(value, list) else [value]
                query += [f"{key}={_in_url(one)}" for one in values]
        if query:
            path += "?" + "&".join(query)
        return self.send(operation.http["method"], path, json.dumps(body).encode() if body else b"")

    def close(self) -> None:
        self._connection.close()


def _in_url(value: Any) -> str:
    """No longer than what HTTP servers take."""
    text = value if isinstance(value, str) else json.dumps(value)
    return quote(text[:3000], safe="", errors="surrogatepass")
