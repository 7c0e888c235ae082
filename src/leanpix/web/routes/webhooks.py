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
    return _answer({"deliveries": [_shown(delivery) for delivery in found]})


def _shown(delivery: WebhookDelivery) -> Json:
    is_pending = delivery.state is WebhookState.PENDING and delivery.due_at is not None
    return {
        "id": delivery.id,
        "task_id": delivery.task_id,
        "url": delivery.callback.url,
        "state": delivery.state.value,
        "created_at": str(int(delivery.created_at)),
        "next_try_at": str(int(delivery.due_at)) if is_pending and delivery.due_at is not None else None,
        "tries": [_shown_try(one) for one in delivery.tries],
    }


def _shown_try(one: WebhookAttempt) -> Json:
    return {"at": str(int(one.at)), "status": one.status}


def _answer(data: Json) -> Response:
    return JSONResponse({"status": 200, "message": "success", "data": data}, headers={"Cache-Control": "no-store"})
