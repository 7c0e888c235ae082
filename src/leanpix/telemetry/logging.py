"""Log lines: structured, on standard error, with no secret in them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from leanpix.telemetry.settings import TelemetrySettings

_logfmt = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)


def _plain_line(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """One line of `name=value`, with a traceback below it as it is: a third of what lining up for a screen takes."""
    traceback = event.pop("exception", None)
    line = _logfmt(logger, name, event)
    return line if traceback is None else f"{line}\n{traceback}"


def set_up_logging(settings: TelemetrySettings) -> None:
    """Route structlog and the standard library's loggers to standard error."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer: Processor = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else _plain_line
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(renderer))
    # What libraries and the worker have to say goes through the same renderer: of JSON each line is one thing told.
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])


def log_missing_layers(layers: Mapping[str, str]) -> None:
    """Warn in one line where a sandbox is not whole: layers by name, each with `on` or `off: why`."""
    missing = {name: state.partition(": ")[2] or state for name, state in layers.items() if state != "on"}
    if missing:
        structlog.get_logger().warning("sandbox not whole: leanpix doctor tells more", **missing)


def _formatter(renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )


def log_waiting(why: str) -> None:
    """Tell once that a start waits; in the log of a process that has one, else to who has typed the command."""
    if structlog.is_configured():
        structlog.get_logger().warning("start waits", why=why)
    else:
        print(f"leanpix: {why}; waiting for it", file=sys.stderr, flush=True)  # noqa: T201 - what a command tells


def log_unproven(files: str, why: str) -> None:
    """Warn that a node has started beside a store that does not answer, and takes no work before it does."""
    structlog.get_logger().warning("file store does not answer: no work is taken before it does", store=files, why=why)


def log_admission(refused_for: str | None) -> None:
    """Tell that this node may take no work, and why; or that it may again."""
    if refused_for is not None:
        structlog.get_logger().error("node refused: it takes no work", why=refused_for)
    else:
        structlog.get_logger().info("node admitted again: it takes work")


def log_failure(failure: BaseException) -> None:
    """Record an unexpected failure that a loop survives."""
    structlog.get_logger().error("failure", kind=type(failure).__name__, exc_info=failure)
