"""The HTTP resources of the plug-in, on LocalStack's own port."""

from __future__ import annotations

import json
import re

from localstack import constants
from localstack.http import Request, Response, Router

from localstack_eventbridge import VERSION, leases, reset, settings


def add_to(router: Router) -> None:
    router.add("/_eventbridge/info", get_info, methods=["GET"])
    router.add("/_eventbridge/reset", post_reset, methods=["POST"])


def get_info(request: Request) -> Response:
    """GET /_eventbridge/info: versions, what the plug-in adds, and settings that readers see."""
    return _json(
        {
            "plugin": "localstack-eventbridge",
            "version": VERSION,
            "localstack": constants.VERSION,
            "features": ["functions", "embedded"],
            "settings": settings.told(),
            "lease_port": leases.port(),
        }
    )


def post_reset(request: Request) -> Response:
    """POST /_eventbridge/reset?account=ID: empty one account; what was there, by kind."""
    account = request.args.get("account", "")
    if not re.fullmatch(r"[0-9]{12}", account):
        message = "account must be given as 12 digits: POST /_eventbridge/reset?account=ID"
        return _json({"message": message}, status=400)
    return _json({"account": account, "removed": reset.empty(account)})


def _json(body: dict[str, object], status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")
