"""Which handler does which operation: the one entry that a new route needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from leanpix.web.openapi import about, account, batches, tasks, tinify, webhooks
from leanpix.web.openapi.model import Operation

# By the handler's name, which is the operation's id too. Called when the document is made, not at import.
OPERATIONS: Mapping[str, Callable[[], Operation]] = {
    "create": tasks.create,
    "query": tasks.query,
    "cancel": tasks.cancel,
    "result": tasks.result,
    "account": account.account,
    "account_usage": account.account_usage,
    "keys": account.keys,
    "make_key": account.make_key,
    "revoke_key": account.revoke_key,
    "topup_key": account.topup_key,
    "create_batch": batches.create_batch,
    "batch": batches.batch,
    "cancel_batch": batches.cancel_batch,
    "batch_results": batches.batch_results,
    "score": tasks.score,
    "deliveries": webhooks.deliveries,
    "new_webhook_secret": webhooks.new_webhook_secret,
    "shrink": tinify.shrink,
    "key": tinify.key,
    "output": tinify.output,
    "make_output": tinify.make_output,
    "formats": about.formats,
    "states": about.states,
    "states_json": about.states_json,
    "healthz": about.healthz,
    "readyz": about.readyz,
    "readyz_function": about.readyz_function,
    "metrics": about.metrics,
    "openapi": about.openapi,
}
