"""The application: every route in one list, every error in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from leanpix.domain.errors import LeanpixError, NotFoundError
from leanpix.web.context import Context
from leanpix.web.errors import OTHER_STATUS_TEXT, STATUS_TEXT, error_response, plain_error
from leanpix.web.middleware import CorsUnder, TidyPath
from leanpix.web.observed import Observed, Traced
from leanpix.web.openapi_route import openapi_route
from leanpix.web.request_shares import Shared
from leanpix.web.routes.account import account, account_usage, keys, make_key, revoke_key, topup_key
from leanpix.web.routes.batches import batch, batch_results, cancel_batch, create_batch
from leanpix.web.routes.formats import formats
from leanpix.web.routes.health import healthz, readyz, readyz_function
from leanpix.web.routes.metrics import metrics
from leanpix.web.routes.page import not_found_page, page_routes, wants_page
from leanpix.web.routes.results import result
from leanpix.web.routes.score import score
from leanpix.web.routes.states import states, states_json
from leanpix.web.routes.tasks import cancel, create, query
from leanpix.web.routes.webhooks import deliveries, new_webhook_secret
from leanpix.web.settings import WebSettings
from leanpix.web.tinify.routes import tinify_routes

API = "/api/tasks/visual/imgcompress"
_NOT_FOUND, _METHOD_NOT_ALLOWED = 404, 405

_DESCRIBED = [
    Route(API, create, methods=["POST"]),
    Route(f"{API}/{{task_id}}", query, methods=["GET"]),
    Route(f"{API}/{{task_id}}", cancel, methods=["DELETE"]),
    Route("/results/{name}", result, methods=["GET"]),
    Route("/v1/account", account, methods=["GET"]),
    Route("/v1/account/usage", account_usage, methods=["GET"]),
    Route("/v1/keys", keys, methods=["GET"]),
    Route("/v1/keys", make_key, methods=["POST"]),
    Route("/v1/keys/{key_id}/revoke", revoke_key, methods=["POST"]),
    Route("/v1/keys/{key_id}/topup", topup_key, methods=["POST"]),
    Route("/v1/webhooks/deliveries", deliveries, methods=["GET"]),
    Route("/v1/webhooks/secret", new_webhook_secret, methods=["POST"]),
    Route("/v1/batches", create_batch, methods=["POST"]),
    Route("/v1/batches/{batch_id}", batch, methods=["GET"]),
    Route("/v1/batches/{batch_id}", cancel_batch, methods=["DELETE"]),
    Route("/v1/batches/{batch_id}/results.zip", batch_results, methods=["GET"]),
    Route("/v1/score", score, methods=["POST"]),
    Route("/v1/formats", formats, methods=["GET"]),
    Route("/states", states, methods=["GET"]),
    Route("/states.json", states_json, methods=["GET"]),
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/readyz/{function}", readyz_function, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]


def mounted(settings: WebSettings) -> list[Route]:
    """Every route that is served under these settings."""
    described = [*_DESCRIBED, *tinify_routes(settings)]
    return [*described, openapi_route(described), *page_routes()]


def make_app(context: Context) -> Starlette:
    """The ASGI application over these use cases."""
    routes = mounted(context.settings)
    app = Starlette(
        routes=routes,
        middleware=[
            *([] if context.trace is None else [Middleware(Traced, trace=context.trace)]),
            Middleware(Observed, observe=context.observe, routes=_route_names(routes)),
            Middleware(Shared, shares=context.shares),
            Middleware(TidyPath),
            Middleware(CorsUnder, prefixes=[API, "/results/"], origins=context.settings.cors_origins),
        ],
        exception_handlers={
            LeanpixError: _on_leanpix_error,
            HTTPException: _on_http_exception,
            ClientDisconnect: _on_disconnect,
            Exception: _on_defect,
        },
    )
    app.state.context = context
    return app


def _route_names(routes: Sequence[Route]) -> dict[Callable[..., object], str]:
    """Each handler's path as it is declared; the pages' many files are one."""
    pages = {route.endpoint: "/page" for route in routes if route.path.startswith("/page/")}
    return {route.endpoint: route.path for route in routes} | pages


async def _on_leanpix_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, LeanpixError):
        raise error
    if isinstance(error, NotFoundError) and wants_page(request):  # a result's link, after its hour
        return not_found_page(request)
    return error_response(error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == _METHOD_NOT_ALLOWED:
        return plain_error(error.status_code, OTHER_STATUS_TEXT[error.status_code], {"Allow": _allowed(request)})
    if error.status_code == _NOT_FOUND and wants_page(request):
        return not_found_page(request)
    return plain_error(error.status_code, STATUS_TEXT.get(error.status_code, error.detail), error.headers)


def _allowed(request: Request) -> str:
    """Every method of the path, of all the routes that share it."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    matching = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in matching for method in route.methods or ()}))


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    return plain_error(400, "The client closed the connection before its request was whole.")


async def _on_defect(request: Request, error: Exception) -> Response:
    import structlog  # noqa: PLC0415 - loaded by telemetry.structured, without what it would load by itself

    structlog.get_logger().error("defect", path=request.url.path, exc_info=error)
    return plain_error(500, STATUS_TEXT[500])
