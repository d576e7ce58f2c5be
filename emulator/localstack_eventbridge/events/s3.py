"""Events of S3, as S3 itself sends them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote

#: What LocalStack gives as reason, and what S3 does.
REASONS = {
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "PostObject": "POST Object",
}


def corrected(detail: dict[str, Any], account: str) -> dict[str, Any]:
    """The detail of an event that LocalStack's S3 has put.

    It encodes the key as in a URL, which S3 does for other notifications only; and some of its
    values never change.
    """
    told = dict(detail["object"], key=unquote(detail["object"]["key"]))
    if "sequencer" in told:
        told["sequencer"] = f"{time.time_ns():018X}"
    more = {"object": told, "requester": account}
    if "reason" in detail:
        more["reason"] = REASONS.get(detail["reason"], detail["reason"])
    return detail | more
