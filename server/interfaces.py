"""What the parts of a hub see of one another: sources and sinks, and what each of them is told of the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .frame import Frame, SensorReading

if TYPE_CHECKING:
    from ..core.pipeline import FaceFrame
    from .hub import Hub
    from .status import Health


SensorListener = Callable[[SensorReading], object]


class PipelineHost(Protocol):
    """What a pipeline sees of the hub."""

    def now(self) -> float:
        """Seconds on the hub's clock."""
        ...

    def note(self, text: str) -> None:
        """A sentence for the user."""

    def emit(self, faces: list[FaceFrame]) -> None:
        """Faces go out."""


class Source(Protocol):
    """Something that messages come from."""

    name: str

    async def start(self, hub: Hub) -> None:
        """Begin; raises InnerfaceError where it cannot."""

    async def stop(self) -> None:
        """End, whatever state it is in."""

    def describe(self) -> str:
        """One line for the user: what it waits for, and where."""
        ...


@runtime_checkable
class Diagnosing(Protocol):
    """A source that may know why nothing of use comes from it."""

    def diagnose(self) -> str:
        """One sentence, "" where it knows of nothing."""
        ...


@runtime_checkable
class CountsDrops(Protocol):
    """A source that counts what it receives and makes no message of."""

    @property
    def dropped(self) -> dict[str, int]:
        """Packets by the reason: "malformed", "buffer_full" (the system had no room), "repeated"."""
        ...


@runtime_checkable
class Promptable(Protocol):
    """A source whose performer does as asked: a simulated one, or another bridge."""

    def prompt(self, action: str) -> None:
        """`calibrate`, `recentre`, or an action of the check: smile, brows, jaw, relax, bite, blink."""


class Sink(Protocol):
    """Something that faces go to."""

    name: str

    async def start(self, hub: Hub) -> None:
        """Begin; raises InnerfaceError where it cannot."""

    async def stop(self) -> None:
        """End; files are whole afterwards."""

    def put(self, frame: Frame) -> None:
        """A face. Never waits; what cannot be sent now is dropped for the next."""

    def describe(self) -> str:
        """One line for the user: where faces go, and how many."""
        ...

    def health(self) -> Health:
        """Whether faces arrive there, as far as it is known."""
        ...


@runtime_checkable
class Retryable(Protocol):
    """A sink that stops trying where only a person can help, until that person wants another attempt."""

    def retry(self) -> None:
        """Try again at once."""
