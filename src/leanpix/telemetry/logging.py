"""Log lines: structured, on standard error, with no secret in them."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from leanpix.telemetry.outages import DATABASE, Outages, part_of, why_of
from leanpix.telemetry.settings import TelemetrySettings
from leanpix.telemetry.structured import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

OUTAGES = Outages(time.monotonic)
"""Those of this process."""

# Those that meet a database which is away by themselves.
_LIBRARIES = frozenset({"psycopg", "procrastinate", "asyncio"})
_POOL = "psycopg.pool"
# Those that warn of what somebody has sent: it is answered, and the request's own line tells of it.
_OF_CALLERS = frozenset({"uvicorn", "python_multipart"})
_FIRST = ("timestamp", "level", "event")
_ODD = re.compile(r'[ ="\n]')
_PLAIN = frozenset({int, float})  # written as they are; a truth value is another type


def _plain_line(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """One line of `name=value`, with a traceback below it as it is: a third of what lining up for a screen takes.

    As structlog's LogfmtRenderer writes it, which looks at each letter of each name: a tenth of all calls that a small
    picture's request takes.
    """
    del logger, name
    traceback = event.pop("exception", None)
    first = {one: event.pop(one, None) for one in _FIRST}
    parts = []
    for one, value in {**first, **event}.items():
        kind = type(value)
        is_plain = kind in _PLAIN or (kind is str and _ODD.search(value) is None)
        parts.append(f"{one}={value if is_plain else _plain_value(value)}")
    line = " ".join(parts)
    return line if traceback is None else f"{line}\n{traceback}"


def _plain_value(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _ODD.search(text) is None:
        return text
    is_quoted = " " in text or "=" in text or '"' in text
    if is_quoted:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("\n", "\\n")
    return f'"{text}"' if is_quoted else text


def set_up_logging(settings: TelemetrySettings) -> None:
    """Route structlog and the standard library's loggers to standard error."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer: Processor = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else _plain_line
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
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
    handler.addFilter(_is_not_of_callers)
    handler.addFilter(_tell_of_outages)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    # What libraries and the worker have to say goes through the same renderer: of JSON each line is one thing told.
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])


def is_json() -> bool:
    """Whether each line of this process has to be an object."""
    return structlog.is_configured() and isinstance(
        structlog.get_config()["processors"][-1], structlog.processors.JSONRenderer
    )


def announce(text: str, event: str, **fields: object) -> None:
    """Tell of a start: people in words, on standard output, and who reads the log as JSON in an object of it."""
    if is_json():
        structlog.get_logger().info(event, **fields)
    else:
        print(text, flush=True)  # noqa: T201 - what a command tells


def refuse(text: str) -> None:
    """Tell why a command ends, on standard error: in words, or in an object of a log that is JSON."""
    if is_json():
        structlog.get_logger().critical("refused", why=text)
    else:
        print(f"leanpix: {text}", file=sys.stderr, flush=True)  # noqa: T201 - what a command tells


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
    """Tell that this node may take no work, and why; or that it may from now on."""
    if refused_for is not None:
        structlog.get_logger().error("node refused: it takes no work", why=refused_for)
    else:
        structlog.get_logger().info("node admitted: it takes work")


def log_failure(failure: BaseException) -> None:
    """Record an unexpected failure that a loop survives; a store that is away is one outage, however many meet it."""
    part = part_of(failure)
    if part is not None:
        OUTAGES.failed(part, why_of(failure))
        return
    structlog.get_logger().error("failure", kind=type(failure).__name__, exc_info=failure)


def _is_not_of_callers(record: logging.LogRecord) -> bool:
    """Whether a library's line tells of the server: with the others strangers could fill its log."""
    return record.levelno >= logging.ERROR or record.name.partition(".")[0] not in _OF_CALLERS


def _tell_of_outages(record: logging.LogRecord) -> bool:
    """Whether a library's line is written: what it says of a database that is away is part of that outage's lines."""
    if record.levelno < logging.WARNING or record.name.partition(".")[0] not in _LIBRARIES:
        return True
    failure = None if record.exc_info is None else record.exc_info[1]
    part = None if failure is None else part_of(failure)
    if part is None and record.name.startswith(_POOL):  # it has its causes in its text alone
        part = DATABASE
    if part is not None:
        OUTAGES.failed(part, record.getMessage() if failure is None else why_of(failure))
    return part is None and DATABASE not in OUTAGES.away


def _log_uncaught(kind: type[BaseException], failure: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, failure, trace)
        return
    structlog.get_logger().critical("uncaught", exc_info=failure)


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    thread = None if arguments.thread is None else arguments.thread.name
    structlog.get_logger().critical("uncaught", thread=thread, exc_info=arguments.exc_value)
