"""The single table, spoken to in one place.

Items are plain dicts with ``pk`` and ``sk`` (strings); numbers are ints, bigger structures are JSON
strings (`dumps`), so that no float passes through DynamoDB's decimals. ``ttl`` is epoch seconds.
Throttles and 5xx become `errors.Unavailable`; a failed condition is a value (`False` or `None`).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bonafide.errors import Unavailable
from bonafide.settings import settings

__all__ = [
    "Change",
    "Item",
    "New",
    "batch_get",
    "delete",
    "dumps",
    "get",
    "loads",
    "page",
    "put",
    "query",
    "tenant_key",
    "together",
    "transact",
    "update",
]

Item = dict[str, Any]
_to = TypeSerializer().serialize
_from = TypeDeserializer().deserialize
_CONDITION = "ConditionalCheckFailedException"
_BATCH = 100  # the most that DynamoDB reads in one call
_TRIES = 8


@lru_cache(maxsize=1)
def client() -> Any:
    """One client a process; adaptive retries absorb short throttles."""
    return boto3.client("dynamodb", config=Config(retries={"mode": "standard", "max_attempts": 5}))


def tenant_key(tenant: str, *parts: str) -> str:
    """Return a partition key that begins with the tenant: ``T#<tenant>#<part>#…``."""
    return "#".join(("T", tenant, *parts))


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


loads = json.loads


def encode(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``item`` in DynamoDB's typed form, without members that are ``None``."""
    return {name: _to(value) for name, value in item.items() if value is not None}


def decode(item: Mapping[str, Any]) -> Item:
    """Return a plain dict; DynamoDB numbers come back as int (this table holds no others)."""
    plain = {name: _from(value) for name, value in item.items()}
    return {k: int(v) if type(v).__name__ == "Decimal" else v for k, v in plain.items()}


def _call(method: str, **arguments: Any) -> Any:
    try:
        return getattr(client(), method)(TableName=settings().table_name, **arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] == _CONDITION:
            raise
        raise Unavailable(f"the table refused {method}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the table does not answer: {type(error).__name__}") from error


def get(pk: str, sk: str = "META") -> Item | None:
    """Return the item (strongly consistent), or ``None``."""
    found = _call("get_item", Key=encode({"pk": pk, "sk": sk}), ConsistentRead=True).get("Item")
    return decode(found) if found else None


def batch_get(keys: Sequence[tuple[str, str]]) -> list[Item]:
    """Return those items of ``keys`` (pk, sk; no repeats) that exist, in no order, eventually consistent."""
    name, found = settings().table_name, []
    for start in range(0, len(keys), _BATCH):
        wanted: list[Any] = [encode({"pk": pk, "sk": sk}) for pk, sk in keys[start : start + _BATCH]]
        for pause in (0.05, 0.2, 0.8, 0.0):
            answer = _call_batch({name: {"Keys": wanted}})
            found += [decode(item) for item in answer["Responses"].get(name, ())]
            wanted = answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", [])
            if not wanted:
                break
            time.sleep(pause)
        else:
            raise Unavailable("the table left keys of a batch unread")
    return found


def _call_batch(items: Mapping[str, Any]) -> Any:
    try:
        return client().batch_get_item(RequestItems=items)
    except ClientError as error:
        raise Unavailable(f"the table refused a batch: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the table does not answer: {type(error).__name__}") from error


def put(item: Item, *, only_if_absent: bool = False) -> bool:
    """Write ``item``. Returns ``False`` if it had to be absent and was not."""
    condition = {"ConditionExpression": "attribute_not_exists(pk)"} if only_if_absent else {}
    try:
        _call("put_item", Item=encode(item), **condition)
    except ClientError:
        return False
    return True


@dataclass(frozen=True)
class New:
    """A row that must not exist yet."""

    item: Item


@dataclass(frozen=True)
class Change:
    """A change of one row; see `update` for what its members may say."""

    pk: str
    sk: str = "META"
    set_: Mapping[str, Any] | None = None
    remove: Sequence[str] = ()
    add: Mapping[str, Any] | None = None
    drop: Mapping[str, Any] | None = None
    condition: str = "attribute_exists(pk)"
    values: Mapping[str, Any] | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of UpdateItem, without the table's name."""
        set_, add, drop = dict(self.set_ or {}), dict(self.add or {}), dict(self.drop or {})
        clauses = []
        if set_:
            clauses.append("SET " + ", ".join(f"#{n} = :set_{n}" for n in set_))
        if self.remove:
            clauses.append("REMOVE " + ", ".join(f"#{n}" for n in self.remove))
        if add:
            clauses.append("ADD " + ", ".join(f"#{n} :add_{n}" for n in add))
        if drop:
            clauses.append("DELETE " + ", ".join(f"#{n} :drop_{n}" for n in drop))
        expression = " ".join(clauses)
        bound = {f":set_{n}": v for n, v in set_.items()} | {f":add_{n}": v for n, v in add.items()}
        bound |= {f":drop_{n}": v for n, v in drop.items()}
        bound |= {f":{n}": v for n, v in (self.values or {}).items()}
        names = {*set_, *add, *drop, *self.remove, "state"}
        arguments: dict[str, Any] = {
            "Key": encode({"pk": self.pk, "sk": self.sk}),
            "UpdateExpression": expression,
            "ConditionExpression": self.condition or None,
            "ExpressionAttributeValues": {k: _to(v) for k, v in bound.items()} or None,
            "ExpressionAttributeNames": {
                f"#{n}": n for n in names if f"#{n}" in expression + " " + self.condition
            }
            or None,
        }
        return {k: v for k, v in arguments.items() if v is not None}


def update(pk: str, sk: str = "META", **change: Any) -> Item | None:
    """Change attributes (see `Change`); returns the new item, or ``None`` if the condition did not hold.

    ``condition`` may use ``#name`` for every attribute in ``set_``/``remove``/``add``/``drop``, ``#state``,
    and ``:name`` for everything in ``values``. ``add`` adds to a number or unites a set, ``drop`` takes
    elements out of a set. A condition that an absent row fulfils (``""``: always) makes the row.
    """
    try:
        answer = _call("update_item", ReturnValues="ALL_NEW", **Change(pk, sk, **change).arguments())
    except ClientError:
        return None
    return decode(answer["Attributes"])


def _clauses(
    set_: Mapping[str, Any], remove: Sequence[str], add: Mapping[str, Any], drop: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return an update expression and the values that it names."""
    parts = {
        "SET": [f"#{n} = :set_{n}" for n in set_],
        "REMOVE": [f"#{n}" for n in remove],
        "ADD": [f"#{n} :add_{n}" for n in add],
        "DELETE": [f"#{n} :drop_{n}" for n in drop],
    }
    named = (("set", set_), ("add", add), ("drop", drop))
    bound = {f":{word}_{n}": value for word, given in named for n, value in given.items()}
    return " ".join(f"{word} {', '.join(terms)}" for word, terms in parts.items() if terms), bound


def delete(pk: str, sk: str = "META") -> None:
    """Remove the item; absent is fine."""
    _call("delete_item", Key=encode({"pk": pk, "sk": sk}))


def page(
    pk: str,
    *,
    index: str | None = None,
    prefix: str = "",
    before: str | None = None,
    after: str | None = None,
    limit: int = 100,
    newest_first: bool = False,
    only: Sequence[str] = (),
) -> list[Item]:
    """Return up to ``limit`` items of one partition in sort-key order (exclusive ``before``/``after``).

    With ``index`` the keys are that index's (``gsi1pk``, ``gsi1sk``) and reads are eventually consistent.
    At most one of ``prefix``, ``before``, ``after`` is used. ``only`` names the attributes that are wanted.
    """
    pk_name, sk_name = (f"{index}pk", f"{index}sk") if index else ("pk", "sk")
    where, bound = "#pk = :pk", {":pk": pk}
    if prefix:
        where, bound = where + " AND begins_with(#sk, :sk)", bound | {":sk": prefix}
    elif before:
        where, bound = where + " AND #sk < :sk", bound | {":sk": before}
    elif after:
        where, bound = where + " AND #sk > :sk", bound | {":sk": after}
    arguments: dict[str, Any] = {"IndexName": index} if index else {"ConsistentRead": True}
    arguments |= {
        "KeyConditionExpression": where,
        "ExpressionAttributeNames": {"#pk": pk_name} | ({"#sk": sk_name} if ":sk" in bound else {}),
        "ExpressionAttributeValues": {k: _to(v) for k, v in bound.items()},
        "ScanIndexForward": not newest_first,
    }
    if only:
        arguments["ProjectionExpression"] = ", ".join(f"#only_{name}" for name in only)
        arguments["ExpressionAttributeNames"] |= {f"#only_{name}": name for name in only}
    items: list[Item] = []
    while len(items) < limit:  # DynamoDB ends a page at 1 MB, however few items that is
        answer = _call("query", Limit=limit - len(items), **arguments)
        items += [decode(item) for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            break
        arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    return items


def query(pk: str, prefix: str = "", *, size: int = 100) -> Iterator[Item]:
    """Yield every item of one partition whose sort key begins with ``prefix``."""
    last: str | None = None
    while True:
        items = page(pk, prefix=prefix, limit=size) if last is None else page(pk, after=last, limit=size)
        kept = [item for item in items if item["sk"].startswith(prefix)]
        yield from kept
        if len(items) < size or len(kept) < len(items):
            return
        last = items[-1]["sk"]


def transact(puts: Sequence[Item]) -> int | None:
    """Write all ``puts`` if none exists yet. Returns ``None``, or the index of the first that existed."""
    return together(*(New(item) for item in puts))


def together(*requests: New | Change) -> int | None:
    """Do all or nothing. Returns ``None``, or the index of the first request whose condition did not hold.

    Two transactions at once on one row make one of them fail; it is tried again a few times.
    """
    for attempt in range(_TRIES):
        reasons = _transact([_request(request) for request in requests])
        if "ConditionalCheckFailed" in reasons:
            return reasons.index("ConditionalCheckFailed")
        if not reasons:
            return None
        time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - spreads retries, guards nothing
    raise Unavailable("the table is too busy for a transaction")


def _request(request: New | Change) -> dict[str, Any]:
    name = settings().table_name
    if isinstance(request, New):
        put = {"Item": encode(request.item), "ConditionExpression": "attribute_not_exists(pk)"}
        return {"Put": {"TableName": name, **put}}
    return {"Update": {"TableName": name, **request.arguments()}}


def _transact(requests: list[dict[str, Any]]) -> list[str]:
    """Try once; returns why not, request by request, where conditions or other transactions forbade it."""
    try:
        client().transact_write_items(TransactItems=requests)
    except ClientError as error:
        reasons = [str(r.get("Code")) for r in error.response.get("CancellationReasons", ())]
        if {"ConditionalCheckFailed", "TransactionConflict"} & set(reasons):
            return reasons
        raise Unavailable(f"the table refused a transaction: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the table does not answer: {type(error).__name__}") from error
    return []
