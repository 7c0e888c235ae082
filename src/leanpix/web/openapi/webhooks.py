"""A key's webhooks."""

from __future__ import annotations

from leanpix.domain.webhook import WebhookState
from leanpix.service.webhooks import MOST_LISTED
from leanpix.web.compat import Json
from leanpix.web.openapi import errors
from leanpix.web.openapi.errors import done
from leanpix.web.openapi.model import Operation, Parameter, reference
from leanpix.web.openapi.schemas import shape
from leanpix.web.routes.webhooks import LISTED

_DELIVERY: Json = {
    "id": "msg_c4c610eb-988c-4672-9dc5-38966082676d",
    "task_id": "c4c610eb-988c-4672-9dc5-38966082676d",
    "url": "https://shop.example/compressed",
    "state": WebhookState.DELIVERED.value,
    "created_at": "1795372583",
    "next_try_at": None,
    "tries": [{"at": "1795372584", "status": None}, {"at": "1795372586", "status": 204}],
}


def deliveries() -> Operation:
    """What became of a key's deliveries."""
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    listed = shape({"deliveries": {"type": "array", "items": reference("Delivery")}}, "Deliveries, the newest first.")
    return Operation(
        tag="Webhooks",
        summary="What became of the key's deliveries of the last day",
        parameters=(Parameter("limit", "query", schema, "How many at most.", example=10),),
        answers=done(listed, {"deliveries": [_DELIVERY]}, errors.WRONG_PARAMETER, errors.RATE, errors.UNAVAILABLE),
    )


def new_webhook_secret() -> Operation:
    """Make a signing secret."""
    secret = shape({"secret": {"type": "string", "description": "Shown only here."}}, "A new signing secret.")
    return Operation(
        tag="Webhooks",
        summary="Make a signing secret",
        description="The one before it goes on signing for a day.",
        answers=done(secret, {"secret": "whsec_..."}, errors.RATE, errors.UNAVAILABLE),
    )
