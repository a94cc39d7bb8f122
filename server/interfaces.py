"""What a hub is put together of: sources and sinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .frame import Frame

if TYPE_CHECKING:
    from .hub import Hub


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
class Promptable(Protocol):
    """A source whose performer does as asked: a simulated one, or another bridge."""

    def prompt(self, action: str) -> None:
        """`calibrate`, or an action of the check: smile, brows, jaw."""


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
        """One line for the user."""
        ...
