"""A hub in a thread with its own event loop, for programs that have another one (Blender). Nothing blocks the owner."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ..core.errors import InnerfaceError
from .frame import Frame
from .status import HubStatus

if TYPE_CHECKING:
    from .interfaces import Sink, Source

_STATUS_S = 0.2
_STOP_TIMEOUT_S = 10.0
_MAX_FRAMES = 600  # frames that nobody fetched


class HubThread:
    """A hub's thread.

    Parameters:
        make_sources, make_sinks: called in the thread.
        settings: fields of `hub.Options`.
        adapter: a performer's adapter, a file; "" for none.
        rest: a take with the performer's relaxed face; "" for none.
        predecessor: a thread that may still be ending, and whose ports are needed.

    Attributes:
        state: "starting", "running" or "ended".
        problem: why it ended, "" if it was asked to.
        status: the hub's status, five times a second.
        frames: faces that nobody has fetched.
    """

    def __init__(
        self,
        make_sources: Callable[[], list[Source]],
        make_sinks: Callable[[], list[Sink]],
        *,
        settings: dict[str, Any] | None = None,
        adapter: str = "",
        rest: str = "",
        predecessor: HubThread | None = None,
    ) -> None:
        self.make_sources, self.make_sinks = make_sources, make_sinks
        self.settings, self.adapter, self.rest, self.predecessor = settings or {}, adapter, rest, predecessor
        self.state, self.problem = "starting", ""
        self.status = HubStatus()
        self.frames: deque[Frame] = deque(maxlen=_MAX_FRAMES)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.hub: Any = None
        self.stop_event: asyncio.Event | None = None
        self.stop_requested = False
        self.thread = threading.Thread(target=self._run, name="innerface bridge", daemon=True)

    def start(self) -> None:
        """Begin; `state` says how it goes."""
        self.thread.start()

    def stop(self, wait_s: float = 0.0) -> None:
        """End; a recording is whole afterwards. Waits for that up to `wait_s`."""
        self.stop_requested = True
        if self.loop is not None and self.stop_event is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self.loop.call_soon_threadsafe(self.stop_event.set)
        if wait_s:
            self.thread.join(wait_s)

    def now(self) -> float:
        """The hub's clock."""
        return 0.0 if self.hub is None else self.hub.now()

    def pop_frames(self) -> list[Frame]:
        """All faces since the last call, oldest first."""
        frames: list[Frame] = []
        while self.frames:
            frames.append(self.frames.popleft())
        return frames

    def submit(self, command: Callable[[Any], Any]) -> Future[Any]:
        """Run `command(hub)` in the hub's thread, and the coroutine that it may return. Errors become notes, too."""
        future: Future[Any] = Future()

        async def work() -> None:
            try:
                result = command(self.hub)
                future.set_result(await result if asyncio.iscoroutine(result) else result)
            except InnerfaceError as error:
                self.hub.note(str(error))
                future.set_exception(error)
            except Exception as error:
                self.hub.note(f"a mistake of the bridge ({type(error).__name__}: {error})")
                future.set_exception(error)

        if self.state != "running" or self.loop is None:
            future.set_exception(InnerfaceError("nothing is connected; connect first"))
            return future
        try:
            asyncio.run_coroutine_threadsafe(work(), self.loop)
        except RuntimeError:
            future.set_exception(InnerfaceError("the bridge has just ended; connect again"))
        return future

    def _run(self) -> None:
        try:
            if self.predecessor is not None:
                self.predecessor.thread.join(_STOP_TIMEOUT_S)
                self.predecessor = None
            asyncio.run(self._serve())
        except InnerfaceError as error:
            self.problem = str(error)
        except ImportError as error:
            self.problem = f"the bridge needs libraries that do not load here ({error})"
        except Exception as error:
            self.problem = f"the bridge ended by a mistake of its own ({type(error).__name__}: {error})"
        finally:
            self.state = "ended"

    async def _serve(self) -> None:
        from ..core.pipeline.performer_files import load_adapter
        from .hub import Hub, Options

        self.loop, self.stop_event = asyncio.get_running_loop(), asyncio.Event()
        sources, sinks = self.make_sources(), self.make_sinks()
        adapter, _ = load_adapter(self.adapter, self.rest)
        options: dict[str, Any] = {"adapter": adapter} | self.settings
        hub = Hub(Options(**options))
        hub.outputs.listeners.add(self.frames.append)
        await hub.start(sources, sinks)
        self.hub, self.state = hub, "running"
        try:
            while not self.stop_event.is_set() and not self.stop_requested:
                self.status = hub.status_report()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stop_event.wait(), _STATUS_S)
        finally:
            await hub.stop()
            self.status = hub.status_report()
