"""A key's webhooks: its signing secret, and what became of its deliveries."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.webhook import WebhookAttempt, WebhookDelivery, WebhookState
from leanpix.service.webhooks import MOST_LISTED
from leanpix.web.compat import Json
from leanpix.web.context import context_of
from leanpix.web.numbers import number_in

LISTED = 100


async def new_webhook_secret(request: Request) -> Response:
    """Make a signing secret. It is in this answer only; the one before it goes on signing for a day."""
    context = context_of(request)
    account = await context.account(request)
    await context.look_up(context.query.count, account)
    return _answer({"secret": await context.call(context.webhooks.new_secret, account.id)})


async def deliveries(request: Request) -> Response:
    """The key's deliveries, the newest first, `?limit=` of them (100)."""
    context = context_of(request)
    account = await context.account(request)
    await context.look_up(context.query.count, account)
    limit = number_in(request, "limit", LISTED, 1, MOST_LISTED)
    found = await context.call(context.webhooks.deliveries, account.id, limit)
    return _answer({"deliveries": [_shown(notice) for notice in found]})


def _shown(notice: WebhookDelivery) -> Json:
    is_pending = notice.state is WebhookState.PENDING and notice.due_at is not None
    return {
        "id": notice.id,
        "task_id": notice.task_id,
        "url": notice.callback.url,
        "state": notice.state.value,
        "created_at": str(int(notice.created_at)),
        "next_try_at": str(int(notice.due_at)) if is_pending and notice.due_at is not None else None,
        "tries": [_shown_try(one) for one in notice.tries],
    }


def _shown_try(one: WebhookAttempt) -> Json:
    return {"at": str(int(one.at)), "status": one.status}


def _answer(data: Json) -> Response:
    return JSONResponse({"status": 200, "message": "success", "data": data}, headers={"Cache-Control": "no-store"})
