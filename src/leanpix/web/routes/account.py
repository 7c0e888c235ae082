"""A key's own account, and the administration of all keys: JSON for the account page, without CORS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.account import MOST_CREDITS, Account, DayUsage
from leanpix.domain.errors import AdminOnlyError, InvalidParameterError
from leanpix.web.compat import Json
from leanpix.web.context import Context, context_of
from leanpix.web.fields import Fields, read_fields
from leanpix.web.numbers import number_in

USAGE_DAYS = 30
MOST_DAYS = 366
PAGE, MOST_KEYS = 500, 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def account(request: Request) -> Response:
    """The account behind the request's key."""
    context, known = await _counted(request)
    return _answer(_shown(await context.call(context.usage.current, known)))


async def account_usage(request: Request) -> Response:
    """Tasks and credits by day, `?days=` of them (30), the last one being today in UTC."""
    context, known = await _counted(request)
    days = _days(request.query_params.get("days"))
    return _answer({"days": [_shown_day(day) for day in await context.call(context.usage.by_day, known, days)]})


async def keys(request: Request) -> Response:
    """A page of keys, from number `?offset=` (0) on; admins only."""
    context = await _admin(request)
    offset = number_in(request, "offset", 0, 0, MOST_KEYS)
    found = await context.call(context.admin.accounts, offset, PAGE + 1)
    following = offset + PAGE if len(found) > PAGE else None
    return _answer({"keys": [_shown(one) for one in found[:PAGE]], "next_offset": following})


async def make_key(request: Request) -> Response:
    """Make a key from `name`, `credits` (none: unlimited), `qps` and `is_admin`. Its text is in this answer only."""
    context = await _admin(request)
    fields = await read_fields(request)
    key = await context.call(
        context.admin.create,
        fields.text("name").strip(),
        credit=fields.integer("credits", 0, MOST_CREDITS),
        qps=fields.number("qps"),
        is_admin=fields.flag("is_admin"),
    )
    return _answer({"id": key.id, "key": key.text})


async def revoke_key(request: Request) -> Response:
    """Refuse a key from now on."""
    context = await _admin(request)
    await context.call(context.admin.revoke, request.path_params["key_id"])
    return _answer({"id": request.path_params["key_id"]})


async def topup_key(request: Request) -> Response:
    """Add `credits` to a key with limited credits."""
    context = await _admin(request)
    added = _required(await read_fields(request), "credits")
    await context.call(context.admin.topup, request.path_params["key_id"], added)
    return _answer({"id": request.path_params["key_id"]})


async def _counted(request: Request) -> tuple[Context, Account]:
    """The account behind the request, which counts as a query; RateLimitedError."""
    context = context_of(request)
    known = await context.account(request)
    await context.look_up(context.query.count, known)
    return context, known


async def _admin(request: Request) -> Context:
    context, known = await _counted(request)
    if not known.is_admin:
        raise AdminOnlyError("this API key may not administer keys: use the key of an admin")
    return context


def _required(fields: Fields, name: str) -> int:
    value = fields.integer(name, 1, MOST_CREDITS)
    if value is None:
        raise InvalidParameterError(name, "", f"an integer from 1 to {MOST_CREDITS}")
    return value


def _days(text: str | None) -> int:
    if text is None:
        return USAGE_DAYS
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_DAYS)) and 1 <= int(text) <= MOST_DAYS):
        raise InvalidParameterError("days", text, f"an integer from 1 to {MOST_DAYS}")
    return int(text)


def _shown(found: Account) -> Json:
    return {
        "id": found.id,
        "name": found.name,
        "qps": found.qps,
        "credits": found.credits,
        "is_admin": found.is_admin,
        "created_at": str(int(found.created_at)),
        "revoked_at": None if found.revoked_at is None else str(int(found.revoked_at)),
    }


def _shown_day(usage: DayUsage) -> Json:
    day = (_EPOCH + timedelta(days=usage.day)).date().isoformat()
    return {"day": day, "tasks": usage.tasks, "credits": usage.credits}


def _answer(data: Json) -> Response:
    answer = {"status": 200, "message": "success", "data": data}
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})
