"""LocalStack's S3, with its files in LocalStack's own folder.

LocalStack has one in /tmp for all that run on a computer: where two have a bucket of the same
name, one deletes the files of the other.
"""

from __future__ import annotations

from pathlib import Path

from localstack import config
from localstack.services.plugins import Service
from localstack.services.s3.provider import S3Provider
from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore


def service() -> Service:
    files = EphemeralS3ObjectStore(str(Path(config.dirs.tmp, "s3")))
    return Service.for_provider(S3Provider(storage_backend=files))
