"""Runs a function in a fresh process in which everything is imported, but nothing was opened or read yet."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_PRELOADED = ["ogpgraph.importer.run", "tests.graphql.mutations.client"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_PRELOADED)


def run_cold(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a function of a module, called in a new process; raises RuntimeError where that failed.

    The process is forked from a server that has only imported the program: what the function times is the work of a
    process that has just started, without the second that the imports take.
    """
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=_send_result, args=(sender, function, args, kwargs))
    process.start()
    sender.close()
    try:
        result: T = receiver.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} failed in a fresh process") from None
    finally:
        process.join()
        receiver.close()
    return result


def _send_result(
    sender: Connection, function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    sender.send(function(*args, **kwargs))
