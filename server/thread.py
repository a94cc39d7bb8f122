"""A hub in a thread with an event loop of its own, for programs that have another one (Blender). Nothing here blocks its owner."""

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

if TYPE_CHECKING:
    from .parts import Sink, Source

_STATUS_S = 0.2
_ENDS_S = 10.0
_KEPT = 600  # frames that nobody fetched


class HubThread:
    """`sources`, `sinks`: what makes them; called in the hub's thread. `settings`: fields of `hub.Options`; `adapter`: a file; `after`: one that
    may still be ending, and whose ports are wanted.

    `state`: starting, running, ended; `problem`: why it ended, "" where it was asked to; `status`: the hub's, renewed five times a second.
    """

    def __init__(
        self, sources: Callable[[], list[Source]], sinks: Callable[[], list[Sink]], settings: dict[str, Any] | None = None, adapter: str = "",
        after: HubThread | None = None,
    ) -> None:  # fmt: skip
        self.sources, self.sinks, self.settings, self.adapter, self.after = sources, sinks, settings or {}, adapter, after
        self.state, self.problem = "starting", ""
        self.status: dict[str, Any] = {}
        self.frames: deque[Frame] = deque(maxlen=_KEPT)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.hub: Any = None
        self.ending: asyncio.Event | None = None
        self.stopped = False
        self.thread = threading.Thread(target=self._run, name="innerface bridge", daemon=True)

    def start(self) -> None:
        """Begin; `state` says how it goes."""
        self.thread.start()

    def stop(self, wait_s: float = 0.0) -> None:
        """End; a recording is whole afterwards. Waits for that up to `wait_s`."""
        self.stopped = True
        if self.loop is not None and self.ending is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self.loop.call_soon_threadsafe(self.ending.set)
        if wait_s:
            self.thread.join(wait_s)

    def now(self) -> float:
        """The hub's clock."""
        return 0.0 if self.hub is None else self.hub.now()

    def take(self) -> list[Frame]:
        """All faces that came since the last call, oldest first."""
        out = []
        while self.frames:
            out.append(self.frames.popleft())
        return out

    def ask(self, command: Callable[[Any], Any]) -> Future[Any]:
        """Have `command(hub)` run in the hub's thread, a coroutine if it gives one. Its InnerfaceError becomes a note, and is in the future."""
        done: Future[Any] = Future()

        async def work() -> None:
            try:
                result = command(self.hub)
                done.set_result(await result if asyncio.iscoroutine(result) else result)
            except InnerfaceError as error:
                self.hub.note(str(error))
                done.set_exception(error)
            except Exception as error:
                self.hub.note(f"a mistake of the bridge ({type(error).__name__}: {error})")
                done.set_exception(error)

        if self.state != "running" or self.loop is None:
            done.set_exception(InnerfaceError("nothing is connected; connect first"))
            return done
        try:
            asyncio.run_coroutine_threadsafe(work(), self.loop)
        except RuntimeError:
            done.set_exception(InnerfaceError("the bridge has just ended; connect again"))
        return done

    def _run(self) -> None:
        try:
            if self.after is not None:
                self.after.thread.join(_ENDS_S)
                self.after = None
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
        from ..core.imu import adapt
        from .hub import Hub, Options

        self.loop, self.ending = asyncio.get_running_loop(), asyncio.Event()
        sources, sinks = self.sources(), self.sinks()
        adapter = adapt.load(self.adapter) if self.adapter else None
        given: dict[str, Any] = {"adapter": adapter} | self.settings
        hub = Hub(Options(**given))
        hub.listeners.add(self.frames.append)
        await hub.start(sources, sinks)
        self.hub, self.state = hub, "running"
        try:
            while not self.ending.is_set() and not self.stopped:
                self.status = hub.status()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.ending.wait(), _STATUS_S)
        finally:
            await hub.stop()
            self.status = hub.status()
