"""Logging: one line for each event, for people or for log collectors, without secrets and control characters.

All lines of a request have its id, wherever in the program they are logged. Tracebacks contain no local variables,
since these may contain texts that people wrote.
"""

from __future__ import annotations

import logging
import re
import sys
from io import StringIO
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from ogpgraph.control_characters import escape_control_characters

MASK = "***"
_SECRET_NAME = re.compile(r"pass|secret|token|authorization|cookie|api_?key|dsn", re.IGNORECASE)
_SECRETS = (
    (re.compile(r"(://[^:@/\s]*):[^@\s]+@"), rf"\1:{MASK}@"),
    (re.compile(r"(\b\w*(?:pass|secret|token)\w*\s*=\s*)[^\s&'\"]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]+"), rf"\1{MASK}"),
    (re.compile(r"\bogp_\w+"), MASK),
)


def configure_logging(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Log everything in this process, including libraries, to a stream (standard error) as `console` or `json`."""
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=()),
        _mask_secret_fields,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_json() if log_format == "json" else _console(colors=out.isatty())),
                _mask_line,
            ],
        )
    )
    # uvicorn has handlers of its own; its messages go to ours instead, in the same format.
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("psycopg", "psycopg.pool"):
        # They warn of every lost connection. The code that needed the connection logs whether that had consequences.
        logging.getLogger(name).setLevel(logging.ERROR)


def _json() -> list[Processor]:
    transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(transformer),
        structlog.processors.JSONRenderer(ensure_ascii=False),
        _escape_line,
    ]


def _console(*, colors: bool) -> list[Processor]:
    # Before it is rendered: colours are control characters, too.
    return [_escape_values, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_format_traceback)]


def _escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {
        escape_control_characters(str(name)): escape_control_characters(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _format_traceback(out: TextIO, error: ExcInfo) -> None:
    traceback = StringIO()
    structlog.dev.plain_traceback(traceback, error)
    out.write(escape_control_characters(traceback.getvalue(), keep_lines=True))


def _escape_line(_logger: WrappedLogger, _method: str, line: str | bytes | EventDict) -> str:
    return escape_control_characters(str(line))  # inside of a JSON string this is the same character


def _mask_secret_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in event:
        if _SECRET_NAME.search(name):
            event[name] = MASK
    return event


def _mask_line(_logger: WrappedLogger, _method: str, line: str | bytes | EventDict) -> str:
    return mask_secrets(str(line))


def mask_secrets(text: str) -> str:
    """Return a text in which passwords in URLs and settings, bearer tokens and our own tokens are masked."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
