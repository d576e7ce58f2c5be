"""The policies that AWS manages, read once for all accounts.

moto reads over a thousand of them anew for each account that uses IAM, and again when an account
is emptied: many accounts spend more time on that than on anything else.
"""

from __future__ import annotations

from collections.abc import Callable

from localstack.services.iam.iam_patches import apply_iam_patches
from localstack.utils.patch import patch
from moto.iam.models import IAMBackend, ManagedPolicy

#: By partition, which is part of their ARNs.
_policies: dict[str, list[ManagedPolicy]] = {}


def install() -> None:
    # A patch, because moto's backend for an account has no other place to begin at.
    apply_iam_patches()
    patch(IAMBackend._init_aws_policies)(_init_aws_policies)


def _init_aws_policies(
    read: Callable[[IAMBackend], list[ManagedPolicy]], backend: IAMBackend
) -> list[ManagedPolicy]:
    if backend.partition not in _policies:
        _policies[backend.partition] = read(backend)
    return [_for_account(policy, backend.account_id) for policy in _policies[backend.partition]]


def _for_account(policy: ManagedPolicy, account: str) -> ManagedPolicy:
    """The account's own, which counts what it is attached to."""
    # What copy.copy does, without its detours: there are over a thousand of them.
    own = object.__new__(type(policy))
    own.__dict__.update(vars(policy), account_id=account, versions=list(policy.versions))
    return own
