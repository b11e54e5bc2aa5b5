"""LiveText: a text that readers see grow while it is written; a context manager for sync and async code."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Coroutine, Iterable
from contextlib import AsyncExitStack, aclosing, suppress
from types import TracebackType
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db.models import Model

from realtime.actions.text_leases import CANCELLED, COMPLETE, FAILED, RENEW_SECONDS, name_of, request_stop, target_of
from realtime.exceptions import TextLost, TextStopped
from realtime.hub.pubsub.event_bus import carrier
from realtime.writers.draft import Draft
from realtime.writers.stop_listener import get_stop_listener, stop_on_commit

logger = logging.getLogger("realtime.log")

_T = TypeVar("_T")

_ending: set[asyncio.Task[Any]] = set()  # an event loop has only weak references to its tasks


def _keep(work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """Start a task that continues when nothing waits for it any more."""
    task = asyncio.create_task(work, name="realtime live text end")
    _ending.add(task)
    task.add_done_callback(_ending.discard)
    return task


class LiveText:
    """What `realtime.live_text` returns. Enter it with `with` in sync code, with `async with` in async code."""

    def __init__(self, instance: Model, field: str, *, state_field: str, save_seconds: float) -> None:
        self._instance = instance
        self._draft = Draft(target_of(instance, field, state_field))
        self._save_seconds = save_seconds
        self._writer: TextWriter | None = None
        self._async_writer: AsyncTextWriter | None = None

    def __enter__(self) -> TextWriter:
        self._draft.begin()
        self._writer = TextWriter(self._draft, self._save_seconds)
        self._writer._open()
        return self._writer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        assert self._writer is not None
        self._writer._close()
        try:
            self._finish(error)
        finally:
            self._update_instance()
        return isinstance(error, TextStopped)

    async def __aenter__(self) -> AsyncTextWriter:
        begun = asyncio.ensure_future(sync_to_async(self._draft.begin)())
        try:
            await asyncio.shield(begun)
        except asyncio.CancelledError:
            _keep(self._release(begun))
            raise
        self._async_writer = AsyncTextWriter(self._draft, self._save_seconds)
        await self._async_writer._open()
        return self._async_writer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        assert self._async_writer is not None
        found = await self._async_writer._close(kind, error, traceback)
        try:
            # it continues if the task is cancelled again
            found = await asyncio.shield(_keep(self._save_end(self._async_writer, found)))
        finally:
            self._update_instance()
        if found is not error and found is not None and not isinstance(found, TextStopped):
            raise found
        return isinstance(found, TextStopped)

    async def _save_end(self, writer: AsyncTextWriter, error: BaseException | None) -> BaseException | None:
        error = await writer._wait_for_save(error)
        await sync_to_async(self._finish)(error)
        return error

    async def _release(self, begun: asyncio.Future[None]) -> None:
        """End a text whose task was cancelled while it began."""
        with suppress(Exception):
            await begun
            await sync_to_async(self._finish)(asyncio.CancelledError())

    def _finish(self, error: BaseException | None) -> None:
        if error is None:
            self._draft.finish(COMPLETE)
            return
        if isinstance(error, TextLost):
            self._draft.give_up()
            return
        is_failure = isinstance(error, Exception) and not isinstance(error, TextStopped)
        try:
            self._draft.finish(FAILED if is_failure else CANCELLED)
        except Exception:
            if isinstance(error, TextStopped):
                raise
            logger.exception("The end of a live text could not be saved.")  # `error` is the one to raise

    def _update_instance(self) -> None:
        target = self._draft.target
        setattr(self._instance, target.name.field, self._draft.text)
        if target.state_field and self._draft.state:  # so that saving the object later does not undo it
            setattr(self._instance, target.state_field, self._draft.state)


class TextWriter:
    """Writes a live text in sync code, such as a worker's."""

    def __init__(self, draft: Draft, save_seconds: float) -> None:
        self._draft = draft
        self._save_seconds = save_seconds
        self._saved_at = time.monotonic()
        self._is_stopped = False

    @property
    def text(self) -> str:
        """The whole text of the field so far."""
        return self._draft.text

    @property
    def stopped(self) -> bool:
        """Whether somebody has stopped the text; the next `write` raises `TextStopped`."""
        return self._is_stopped

    def write(self, chunk: str) -> None:
        """Add to the text. Readers see it at once; it is saved every `save_seconds`.

        Raise `TextStopped` if somebody has stopped the text, which the end of the `with` block handles; `TextLost` if
        the row was deleted; `LiveTextError` for text that the field cannot hold.
        """
        self._raise_if_stopped()
        self._draft.append(chunk)
        if time.monotonic() - self._saved_at >= self._save_seconds:
            self.save()
            self._raise_if_stopped()

    def write_from(self, chunks: Iterable[str]) -> None:
        """Write everything that an iterator yields, until it ends or somebody stops the text."""
        for chunk in chunks:
            self.write(chunk)

    def save(self) -> None:
        """Save now, for example before a pause, because new readers see only saved text."""
        if self._draft.save():
            self._stop()
        self._saved_at = time.monotonic()

    def _raise_if_stopped(self) -> None:
        if self._is_stopped:
            raise TextStopped("The live text was stopped.")

    def _stop(self) -> None:
        self._is_stopped = True

    def _open(self) -> None:
        get_stop_listener().add(self._draft, self._stop, renews=True)
        with suppress(TextLost):  # the next save raises it
            if self._draft.look():  # somebody may have stopped the text before this process listened
                self._stop()

    def _close(self) -> None:
        get_stop_listener().remove(self._draft)


class AsyncTextWriter:
    """Writes a live text in async code. A task beside it saves, in a thread."""

    def __init__(self, draft: Draft, save_seconds: float) -> None:
        self._draft = draft
        self._save_seconds = save_seconds
        self._loop = asyncio.get_running_loop()
        self._body = asyncio.timeout(None)  # ends the `async with` block when the text is stopped
        self._error: Exception | None = None  # why it ends
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._saver: asyncio.Task[None] | None = None

    @property
    def text(self) -> str:
        """The whole text of the field so far."""
        return self._draft.text

    @property
    def stopped(self) -> bool:
        """Whether somebody has stopped the text."""
        return isinstance(self._error, TextStopped)

    async def write(self, chunk: str) -> None:
        """Like `TextWriter.write`. It does not wait for the database."""
        if self._error is not None:
            raise self._error
        self._draft.append(chunk)
        self._news.set()
        await asyncio.sleep(0)

    async def write_from(self, chunks: AsyncIterable[str] | Iterable[str]) -> None:
        """Write everything that an iterator, async or not, yields, until it ends or somebody stops the text."""
        if not isinstance(chunks, AsyncIterable):
            for chunk in chunks:
                await self.write(chunk)
            return
        async with AsyncExitStack() as stack:
            if hasattr(chunks, "aclose"):  # a generator, whose request to a model ends with it
                await stack.enter_async_context(aclosing(chunks))  # type: ignore[type-var]
            async for chunk in chunks:
                await self.write(chunk)

    async def _open(self) -> None:
        await self._body.__aenter__()
        get_stop_listener().add(self._draft, self._stop, renews=False)
        self._saver = asyncio.create_task(self._save(), name="realtime live text")

    async def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> BaseException | None:
        """Return why the block has ended; None for its end."""
        get_stop_listener().remove(self._draft)
        found = error
        try:
            await self._body.__aexit__(kind, error, traceback)
        except TimeoutError:
            found = self._error
        self._ended.set()
        self._news.set()
        return found

    async def _wait_for_save(self, found: BaseException | None) -> BaseException | None:
        """Wait for a save that is running; return why the block has ended, since the save may have found a reason."""
        if self._saver is not None:
            await asyncio.wait([self._saver])
        return self._error if found is None and isinstance(self._error, TextLost) else found

    def _stop(self) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._end_block, TextStopped("The live text was stopped."))

    def _end_block(self, error: Exception) -> None:
        """End the block at its next `await`."""
        if self._error is None and not self._ended.is_set():
            self._error = error
            self._body.reschedule(self._loop.time())

    async def _save(self) -> None:
        # if nothing carries messages between processes, only the lease says that the writer must stop
        look_seconds = self._save_seconds if carrier() is None else RENEW_SECONDS
        try:
            if await sync_to_async(self._draft.look)():  # stopped before this process listened
                self._end_block(TextStopped("The live text was stopped."))
            while not self._ended.is_set():
                try:
                    async with asyncio.timeout(look_seconds):
                        await self._news.wait()
                except TimeoutError:
                    stop = await sync_to_async(self._draft.look)()
                else:
                    self._news.clear()
                    if self._ended.is_set():
                        return
                    stop = await sync_to_async(self._draft.save)()
                if stop:
                    self._end_block(TextStopped("The live text was stopped."))
                try:
                    async with asyncio.timeout(self._save_seconds):
                        await self._ended.wait()
                except TimeoutError:
                    pass
        except Exception as error:
            self._end_block(error)


def stop_text(instance: Model, field: str) -> bool:
    """Ask the writer of a live text to stop, once the present transaction commits; return whether there is one."""
    name = name_of(instance, field)
    writer = request_stop(name)
    if writer is not None:
        stop_on_commit(writer, name.alias)
    return writer is not None
