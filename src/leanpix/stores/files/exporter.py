"""Results put into S3-compatible stores of those who asked for them, at endpoints that the operator has listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from leanpix.domain.errors import CallerError, CapacityError, InvalidParameterError
from leanpix.domain.export_target import ExportTarget

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Credential, S3Store

_CLIENT: ClientConfig = {"timeout": "30s", "connect_timeout": "3s", "allow_http": True}
_RETRY: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
_RETRY_S = 10.0


class S3ResultExporter:
    """endpoints: base URLs, in which {region} stands for the region asked for; none: nothing is stored anywhere."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self._endpoints = [endpoint.rstrip("/") for endpoint in endpoints]

    def put(self, target: ExportTarget, content: bytes, media_type: str) -> str:
        """Store the content; its URL there.

        Raises InvalidParameterError for an endpoint that is not listed, CallerError where the store does not
        take it, CapacityError where it does not answer.
        """
        endpoint = self._endpoint(target)
        import obstore  # noqa: PLC0415 - 5 MB that a server without such endpoints does without
        from obstore.exceptions import BaseError, GenericError  # noqa: PLC0415 - the same

        attributes = {"Content-Type": media_type}
        if target.cache_control is not None:
            attributes["Cache-Control"] = target.cache_control
        try:
            obstore.put(_store(endpoint, target), target.key, content, attributes=attributes, use_multipart=False)
        except GenericError as failure:
            raise CapacityError("store: the store does not answer as it should", _RETRY_S) from failure
        except (BaseError, OSError) as failure:
            raise CallerError(
                "store: the store did not take the result: check the keys, the region, the bucket and what they allow"
            ) from failure
        return f"{endpoint}/{target.bucket}/{quote(target.key)}"

    def _endpoint(self, target: ExportTarget) -> str:
        if not self._endpoints:
            raise InvalidParameterError("store", "{...}", "this server stores no results elsewhere: download them")
        named = self._endpoints[0] if target.endpoint is None else target.endpoint.rstrip("/")
        listed = {endpoint.replace("{region}", target.region) for endpoint in self._endpoints}
        found = named.replace("{region}", target.region)
        if found not in listed:
            raise InvalidParameterError("store.endpoint", target.endpoint, "one that this server's operator has listed")
        return found


def _store(endpoint: str, target: ExportTarget) -> S3Store:
    from obstore.store import S3Store  # noqa: PLC0415 - see above

    def keys() -> S3Credential:
        return {
            "access_key_id": target.access_key_id,
            "secret_access_key": target.secret_access_key,
            "token": None,
            "expires_at": None,
        }

    # By a provider: keys given as options would be joined by what this service's own environment holds for its store.
    return S3Store(
        target.bucket,
        prefix="",
        endpoint=endpoint,
        region=target.region,
        virtual_hosted_style_request=False,
        credential_provider=keys,
        client_options=_CLIENT,
        retry_config=_RETRY,
    )
