"""The set-up cell of a notebook: find or start LocalStack, and hand out an empty account."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from filelock import AcquireReturnProxy

from helpers import clients, emulator, functions
from helpers.errors import LabError
from helpers.webhook import Webhook

#: What a copy of the same notebook, running at the same time, adds to the account number.
_COPY = 100

_claims: dict[str, AcquireReturnProxy] = {}


class Lab:
    """One account of one LocalStack, for one notebook.

    `account` (12 digits), `region`, `endpoint` (its `url`), and `settings`: what the lab does in
    other proportions than AWS, such as `lambda_retry_base_delay_seconds`.
    """

    def __init__(self, endpoint: emulator.Endpoint, account: str) -> None:
        self.endpoint = endpoint
        self.account = account
        self.region = clients.REGION
        self.settings: dict[str, Any] = endpoint.info.get("settings", {})
        self._session = clients.Session(endpoint.url, account, lost=endpoint.lost)
        self._clients: dict[str, Any] = {}
        self._others: list[Lab] = []
        self._webhooks: list[Webhook] = []

    def __repr__(self) -> str:
        return f"Lab(account {self.account} at {self.endpoint.url})"

    def client(self, service: str) -> Any:
        """The boto3 client for `service` ("events", "lambda", ...), always the same one."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return self._clients[service]

    def other_account(self) -> Lab:
        """A second account, empty, which `cleanup` empties as well."""
        number = other(self.account)
        reset(self.endpoint, number)
        self._others.append(Lab(self.endpoint, number))
        return self._others[-1]

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account (arn("sqs", "orders"), arn("iam", "role/job")).

        S3 leaves out region and account, IAM the region
        (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
        """
        region = "" if service in ("iam", "s3") else self.region
        account = "" if service == "s3" else self.account
        return f"arn:aws:{service}:{region}:{account}:{resource}"

    def deploy(self, name: str, handler: Callable[..., Any], **settings: Any) -> str:
        """Deploy the cell in which `handler` stands as the function `name`; return its ARN.

        `settings` go to CreateFunction as they are (Timeout=3, Environment=...).
        """
        return functions.deploy(
            self.client("lambda"), self.client("iam"), name, handler, **settings
        )

    def role(self, name: str, *, trusts: str, actions: str | Sequence[str], resource: str) -> str:
        """Create a role that the service `trusts` ("events.amazonaws.com") may assume; its ARN.

        It allows `actions` on `resource` (an ARN, or "*").
        """
        iam = self.client("iam")
        trust = {"Principal": {"Service": trusts}, "Action": "sts:AssumeRole"}
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(**trust))
        policy = _policy(Action=actions, Resource=resource)
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=policy)
        return self.arn("iam", f"role/{name}")

    def allow(self, function: str, actions: str | Sequence[str], resource: str) -> None:
        """Let the function that `deploy` made do `actions` to `resource` (an ARN, or "*").

        The permission stands in its execution role, where AWS looks for it
        (https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html);
        LocalStack does not.
        """
        self.client("iam").put_role_policy(
            RoleName=f"{function}-role",
            PolicyName=re.sub(r"[^\w+=,.@-]+", "-", resource.partition(":")[2] or "any"),
            PolicyDocument=_policy(Action=actions, Resource=resource),
        )

    def runs(
        self, name: str, *, at_least: int = 1, since: float = 0.0, timeout: float = 20.0
    ) -> list[functions.Run]:
        """Wait for `at_least` finished runs of the function `name`; all its runs, oldest first.

        With `since` (time.time()) only those that ended after that moment count. `timeout` is in
        seconds. Raises helpers.errors.TimedOut when there are fewer by then.
        """
        return functions.runs(
            self.client("logs"), name, at_least=at_least, since=since, timeout=timeout
        )

    def table(self, name: str, key: str, **settings: Any) -> str:
        """Create the DynamoDB table `name` with the text `key` as its partition key; its ARN.

        `settings` go to CreateTable as they are (StreamSpecification=...). A table that is there
        already stays as it is.
        """
        dynamodb = self.client("dynamodb")
        with contextlib.suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                **settings,
            )
        return self.arn("dynamodb", f"table/{name}")

    def queue(self, name: str, rule_arn: str) -> str:
        """Create the queue `name`, whose policy lets a rule send to it; the queue's URL.

        `rule_arn` may hold wildcards ("...rule/SwnEventBus/*"). EventBridge asks for that policy
        (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html).
        """
        policy = _policy(
            Principal={"Service": "events.amazonaws.com"},
            Action="sqs:SendMessage",
            Resource=self.arn("sqs", name),
            Condition={"ArnLike": {"aws:SourceArn": rule_arn}},
        )
        sqs = self.client("sqs")
        return sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]

    def rule_to_queue(self, name: str, *, bus: str, pattern: Mapping[str, Any]) -> str:
        """Create the rule `name` on `bus`, and a queue of that name as its target; the queue's URL.

        Notebook 00 does the same in single steps.
        """
        events = self.client("events")
        rule = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        target = {"Id": name, "Arn": self.arn("sqs", name)}
        queue = self.queue(name, rule["RuleArn"])
        events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
        return queue

    def let_rule_invoke(self, function: str, rule_arn: str) -> None:
        """Allow a rule to invoke the function, by AddPermission, as notebook 07 does by hand.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
        """
        awslambda = self.client("lambda")
        with contextlib.suppress(awslambda.exceptions.ResourceConflictException):
            awslambda.add_permission(
                FunctionName=function,
                StatementId=rule_arn.rpartition("/")[2],
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
                SourceArn=rule_arn,
            )

    def webhook(self) -> Webhook:
        """An HTTP endpoint that this notebook answers itself, until `cleanup`.

        Raises LabError where it cannot: LocalStack in a container, the notebook outside.
        """
        in_compose = clients.COMPOSE_SERVICE in self.endpoint.url
        if self.endpoint.info.get("in_container") and not in_compose:
            raise LabError(
                "LocalStack in a container cannot call this notebook. Run both there (docker "
                "compose up --build), or both here: stop the container, restart the kernel."
            )
        webhook = Webhook(clients.COMPOSE_NEIGHBOUR if in_compose else "127.0.0.1")
        self._webhooks.append(webhook)
        return webhook

    def trace(self, event_id: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """What EventBridge did with the events of this account, oldest first (not on AWS).

        Only what is told of the event `event_id`, if that is given, and only records of `kind`:
        "entry" (accepted or refused), "rule" (tried: `matched`, and the `reason` why not),
        "attempt" (a target was called), "dead-letter", "dropped".
        """
        told = self._internal("GET", "trace")["entries"]
        return [
            record
            for record in told
            if event_id in (None, record["event_id"]) and kind in (None, record["kind"])
        ]

    def advance(self, duration: str) -> str:
        """Move this account's clock forward ("PT90M", "P1D"); what is due happens (not on AWS).

        `duration` is one of ISO 8601. Returns the account's new time when everything that was due
        on the way has happened. Raises LabError for what is no duration.
        """
        return self._internal("POST", "clock", {"advance": duration})["now"]

    def _internal(self, method: str, what: str, body: Any = None) -> Any:
        path = f"/_eventbridge/{what}?account={self.account}"
        data = None if body is None else json.dumps(body).encode()
        try:
            status, answer = clients.request(
                self.endpoint.url, method, path, body=data, timeout=120
            )
        except (OSError, http.client.HTTPException) as error:
            raise self.endpoint.lost(failed=True) or LabError(f"No answer: {error}.") from None
        if status != 200:
            raise LabError(json.loads(answer)["message"])
        return json.loads(answer)

    def cleanup(self) -> None:
        """Empty the account, and others that were used, and print what was deleted.

        Safe to run at any time, and twice.
        """
        while self._webhooks:
            self._webhooks.pop().close()
        removed = Counter(reset(self.endpoint, self.account))
        for other in self._others:
            removed.update(reset(other.endpoint, other.account))
        print(f"Deleted: {_counted(removed)}." if removed else "Nothing to delete.")


def start(notebook: str) -> Lab:
    """Set up the lab for `notebook` (its file name without .ipynb), print one line, return it.

    The account is 100000000000 plus the number that the name begins with, or LAB_ACCOUNT if that
    variable is set. It is empty when `start` returns. Running the set-up cell again is fine, and
    so is running a copy of the notebook in another kernel: the copy gets another account.

    Raises LabError, which says what to do.
    """
    number = re.match(r"[0-9]{1,2}(?=-)", notebook)
    if not number:
        raise LabError(
            f'start("{notebook}"): the name begins with its number, as in "00-start-here".'
        )
    endpoint = emulator.ensure()
    account, copy = _chosen_account(), 1
    if not account:
        account, copy = _claim_account(endpoint.url, 100_000_000_000 + int(number[0]))
    reset(endpoint, account)
    print(
        f"Lab ready: LocalStack {endpoint.info['localstack']} with the EventBridge plug-in at "
        f"{endpoint.url}, account {account}"
        f"{f' (copy {copy}: this notebook also runs elsewhere)' if copy > 1 else ''}."
    )
    return Lab(endpoint, account)


def other(account: str) -> str:
    """The number of the second account that goes with an account."""
    return f"{9 if account[0] != '9' else 8}{account[1:]}"


def reset(endpoint: emulator.Endpoint, account: str) -> dict[str, int]:
    """Empty `account`, and no other; what was there, such as {"event bus": 1, "queue": 2}."""
    path = f"/_eventbridge/reset?account={account}"
    try:
        status, body = clients.request(endpoint.url, "POST", path, timeout=60)
    except (OSError, http.client.HTTPException) as error:
        raise endpoint.lost(failed=True) or LabError(
            f"The account {account} could not be emptied: {error}. Run this cell again."
        ) from None
    if status != 200:
        raise LabError(f"The account {account} could not be emptied: {body.decode()[:400]}")
    return json.loads(body)["removed"]


def _chosen_account() -> str:
    account = os.environ.get("LAB_ACCOUNT", "").strip()
    if account and not re.fullmatch("[0-9]{12}", account):
        raise LabError(
            f"LAB_ACCOUNT is {account!r}: an account is a number of 12 digits, such as "
            "200000000001. Correct the variable, or unset it."
        )
    return account


def _claim_account(url: str, first: int) -> tuple[str, int]:
    """The first account of the notebook that no other process uses, and which copy that is."""
    for copy in range(1, 100):
        account = str(first + _COPY * (copy - 1))
        name = re.sub(r"\W+", "-", f"{url}-{account}")
        if name in _claims:
            return account, copy
        if claim := emulator.take(emulator.lock(name)):
            # Held for as long as this process lives.
            _claims[name] = claim
            return account, copy
    raise LabError(
        "A hundred copies of this notebook are running: shut some of their kernels down."
    )


def _policy(**statement: Any) -> str:
    """A policy of one statement, which allows."""
    statement = {"Effect": "Allow", **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _counted(removed: dict[str, int]) -> str:
    return ", ".join(f"{count} {_plural(kind, count)}" for kind, count in removed.items())


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else f"{kind}es" if kind.endswith("s") else f"{kind}s"
