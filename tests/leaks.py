"""Everything that a value could leak through, as text to search."""

import copy
import gc
import io
import logging
import pickle
import traceback
from collections.abc import Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any

from loguru import logger as loguru_logger
from pydantic import BaseModel
from rich.console import Console
from rich.traceback import Traceback

from settings import ConfigurationError


def shown_by(settings: BaseModel) -> Iterator[tuple[str, str]]:
    """Each way to show settings, and what it shows."""
    yield "str", str(settings)
    yield "repr", repr(settings)
    yield "f-string", f"{settings}"
    yield "model_dump", repr(settings.model_dump())
    yield "model_dump_json", settings.model_dump_json()
    yield "vars", repr(vars(settings))
    yield "dict", repr(dict(settings))
    yield "deepcopy", repr(copy.deepcopy(settings))
    yield "copy", repr(copy.copy(settings))
    yield "fields", repr([repr(value) + str(value) + f"{value}" for _, value in settings])
    yield "logging", logged(settings)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle {protocol}", pickled(settings, protocol)


def told_by(error: ConfigurationError) -> Iterator[tuple[str, str]]:
    """Each way to show an error, and what it shows."""
    yield "str", str(error)
    yield "repr", repr(error)
    yield "args", repr(error.args)
    yield "findings", repr(error.findings) + repr(error.warnings)
    yield "cause and context", repr((error.__cause__, error.__context__))
    yield "pickle", repr(pickle.loads(pickle.dumps(error)).args) + repr(pickle.dumps(error))  # noqa: S301 - our own
    yield "deepcopy", repr(copy.deepcopy(error).args)
    yield "logging", logged(error)
    yield "traceback", "".join(traceback.format_exception(error))
    yield "object graph", "\n".join(reachable(error))
    ours = _without_the_test(error)
    yield (
        "traceback with locals",
        "".join(
            traceback.TracebackException.from_exception(ours, capture_locals=True).format(),
        ),
    )


def rendered_from(error: BaseException) -> Iterator[tuple[str, str]]:
    """What the renderers of tracebacks make of an error; slow, so apart."""
    ours = _without_the_test(error)
    yield "rich", _rich(ours)
    yield "loguru", _loguru(ours)


def reachable(error: BaseException) -> Iterator[str]:
    """Every text that can be reached from an exception, through the frames of its traceback too."""
    seen: set[int] = set()
    queue: list[Any] = [error.args, vars(error), error.__cause__, error.__context__]
    queue += [dict(frame.f_locals) for frame in _our_frames(error)]
    while queue:
        item = queue.pop()
        if id(item) in seen or isinstance(item, ModuleType | type | FunctionType | FrameType):
            continue
        seen.add(id(item))
        if isinstance(item, str):
            yield item
        elif isinstance(item, bytes):
            yield item.decode(errors="replace")
        else:
            queue += gc.get_referents(item)


def logged(subject: object) -> str:
    """What logging writes at every level, with the exception's traceback when there is one."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("leaks")
    logger.setLevel(logging.DEBUG)
    logger.handlers = [handler]
    logger.propagate = False
    raised = subject if isinstance(subject, BaseException) else None
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logger.log(level, "%s %r", subject, subject, exc_info=raised)
    return stream.getvalue()


def pickled(subject: object, protocol: int) -> str:
    """A pickle, as text; empty when it is refused."""
    try:
        return pickle.dumps(subject, protocol).decode("latin-1")
    except TypeError:
        return ""


def _our_frames(error: BaseException) -> Iterator[FrameType]:
    """The frames that are not the test's, which of course holds what it planted."""
    step = error.__traceback__
    while step is not None:
        if "/tests/" not in step.tb_frame.f_code.co_filename:
            yield step.tb_frame
        step = step.tb_next


def _without_the_test(error: BaseException) -> BaseException:
    step = error.__traceback__
    while step is not None and "/tests/" in step.tb_frame.f_code.co_filename:
        step = step.tb_next
    ours = copy.copy(error).with_traceback(step)
    ours.__cause__, ours.__context__ = error.__cause__, error.__context__
    ours.__suppress_context__ = False  # what is merely hidden can be shown all the same
    return ours


def _rich(error: BaseException) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(
        Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000
        )
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _loguru(error: BaseException) -> str:
    stream = io.StringIO()
    loguru_logger.remove()
    sink = loguru_logger.add(stream, diagnose=True, backtrace=False, colorize=False)
    loguru_logger.opt(exception=error).error("failed")
    loguru_logger.remove(sink)
    return stream.getvalue()
