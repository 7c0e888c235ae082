"""A key's own account, and the administration of keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leanpix.domain.account import MAX_NAME, MAX_QPS, MIN_QPS, MOST_CREDITS
from leanpix.domain.errors import LeanpixError, NotFoundError
from leanpix.web.compat import Json
from leanpix.web.openapi import errors
from leanpix.web.openapi.errors import done
from leanpix.web.openapi.model import JSON, Answer, Content, Operation, Parameter, reference
from leanpix.web.openapi.schemas import SOME_TEXT, TEXT, shape
from leanpix.web.routes.account import MOST_DAYS, MOST_KEYS, PAGE, USAGE_DAYS

_OWN, _ALL = "Account", "Administration"
_ACCOUNT: Json = {
    "id": "k7mq2xq4zr5yc",
    "name": "a shop",
    "qps": 2.0,
    "credits": 499,
    "is_admin": False,
    "created_at": "1795372581",
    "revoked_at": None,
}
_KEY_ID = Parameter("key_id", "path", TEXT, "The key's public part.", example=_ACCOUNT["id"])
_NO_KEY: Sequence[LeanpixError] = (NotFoundError("there is no key 'k7mq'"),)


def account() -> Operation:
    """The key's own account."""
    return Operation(tag=_OWN, summary="The key's own account", answers=_answers(reference("Account"), _ACCOUNT))


def account_usage() -> Operation:
    """Usage by day."""
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": USAGE_DAYS}
    shown = {"days": [{"day": "2026-11-21", "tasks": 3, "credits": 4}, {"day": "2026-11-22", "tasks": 0, "credits": 0}]}
    listed = shape({"days": {"type": "array", "items": reference("DayUsage")}}, "Days, oldest first.")
    return Operation(
        tag=_OWN,
        summary="Tasks and credits by day",
        parameters=(Parameter("days", "query", schema, "How many days, the last one being today in UTC.", example=7),),
        answers=_answers(listed, shown, errors.WRONG_PARAMETER),
    )


def keys() -> Operation:
    """Every key."""
    following: Json = {"type": ["integer", "null"], "description": "Where the next page begins."}
    listed = {"keys": {"type": "array", "items": reference("Account")}, "next_offset": following}
    shown = {"keys": [_ACCOUNT], "next_offset": None}
    offset = {"type": "integer", "minimum": 0, "maximum": MOST_KEYS, "default": 0}
    return Operation(
        tag=_ALL,
        summary="A page of all keys",
        parameters=(Parameter("offset", "query", offset, f"The number of the first of {PAGE} keys.", example=0),),
        answers=_answers(shape(listed, "Keys, oldest first."), shown, errors.NOT_ADMIN, errors.WRONG_PARAMETER),
    )


def make_key() -> Operation:
    """Make a key."""
    key = shape({"id": TEXT, "key": {"type": "string", "description": "Shown only here."}}, "A new key.")
    made = {"id": _ACCOUNT["id"], "key": "lp_k7mq2xq4zr5yc_..."}
    return Operation(
        tag=_ALL,
        summary="Make a key",
        body=_body(_new_key(), {"name": "a shop", "credits": 500, "qps": 5}),
        answers=_answers(key, made, errors.NOT_ADMIN, errors.WRONG_PARAMETER, errors.WRONG_BODY),
    )


def revoke_key() -> Operation:
    """Revoke a key."""
    answers = _answers(_changed(), {"id": _ACCOUNT["id"]}, errors.NOT_ADMIN, _NO_KEY)
    return Operation(tag=_ALL, summary="Refuse a key from now on", parameters=(_KEY_ID,), answers=answers)


def topup_key() -> Operation:
    """Top a key up."""
    credit = {"type": "integer", "minimum": 1, "maximum": MOST_CREDITS}
    refused = (errors.NOT_ADMIN, _NO_KEY, errors.UNLIMITED, errors.WRONG_PARAMETER, errors.WRONG_BODY)
    return Operation(
        tag=_ALL,
        summary="Add credits to a key",
        parameters=(_KEY_ID,),
        body=_body(shape({"credits": credit}, "What is added."), {"credits": 500}),
        answers=_answers(_changed(), {"id": _ACCOUNT["id"]}, *refused),
    )


def _answers(data: Json, example: Json, *refused: Sequence[LeanpixError]) -> Mapping[int, Answer]:
    return done(data, example, *refused, errors.RATE, errors.UNAVAILABLE)


def _body(schema: Json, example: Json) -> Mapping[str, Content]:
    return {JSON: Content(schema, {"an example": example})}


def _changed() -> Json:
    return shape({"id": TEXT}, "The key that was changed.")


def _new_key() -> Json:
    name: Json = {"type": "string", "pattern": SOME_TEXT, "maxLength": MAX_NAME}
    rate: Json = {
        "type": ["number", "null"],
        "minimum": MIN_QPS,
        "maximum": MAX_QPS,
        "description": "Creates per second.",
    }
    credit: Json = {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": MOST_CREDITS,
        "description": "null: unlimited.",
    }
    fields = {"name": name, "credits": credit, "qps": rate, "is_admin": {"type": ["boolean", "null"]}}
    return shape(fields, "A key to be made.", ["credits", "qps", "is_admin"])
