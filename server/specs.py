"""What a source or a sink declares about itself in its module, as `SPEC`; `registry` finds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .addresses import LOOPBACK, is_loopback
from .arguments import Address, Argument, arguments_of, parse_options

if TYPE_CHECKING:
    from .interfaces import Sink, Source

Options = TypeVar("Options")

FIREWALL_HINT = "this computer's firewall blocks it: allow Blender (or Python) to receive on private networks"
WIFI_HINT = (
    "it is on another network, or the Wi-Fi isolates its devices, as guest networks do: use another one, or a phone's "
    "hotspot"
)
ADDRESS_HINT = "it sends to another address or port than the one shown here"


class SourceGroup(StrEnum):
    """What a source is for. All but `COMMANDS` are menus of the add-on, saved in preferences of the same names."""

    SENSORS = "sensors"
    CAMERA = "camera"
    ELECTRODES = "electrodes"
    COMMANDS = "commands"


@dataclass(frozen=True)
class SourceContext:
    """What the program decides for all sources.

    `host`: where they listen unless their arguments name an address; `peer_host`: where a source listens whose
    arguments name another device.
    """

    host: str = LOOPBACK
    peer_host: str = "0.0.0.0"


@dataclass(frozen=True)
class SinkContext:
    """What the program decides for all sinks. `folder`: where permissions are kept; None to keep none."""

    folder: Path | None = None


@dataclass(frozen=True)
class MenuEntry:
    """A source in the menu of its group.

    Attributes
    ----------
    identifier, number
        As saved in preferences: never changed.
    label, description, icon
        As Blender shows it.
    preset
        Options that differ from the command line's defaults, by name.
    """

    identifier: str
    number: int
    label: str
    description: str
    icon: str
    preset: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class StreamToggle:
    """A sink in the add-on's panel: the preferences of its switch and its HOST:PORT, label, tooltip and row."""

    property: str
    target_property: str
    label: str
    description: str
    row: int


LOCAL_NETWORK = "the local network"


def no_peer(_options: Any) -> str:
    """`peer` of what exchanges data with no other computer."""
    return ""


def local_network(_options: Any) -> str:
    """`peer` of what finds or receives other computers without being told their addresses."""
    return LOCAL_NETWORK


@dataclass(frozen=True)
class _Spec(Generic[Options]):
    kind: str
    summary: str
    options: type[Options]
    peer: Callable[[Options], str]

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """Its arguments, in order."""
        return arguments_of(self.options)

    def outside_peer(self, options: Options) -> str:
        """Return the host, or LOCAL_NETWORK, beyond this computer that it exchanges data with; "" for none."""
        peer = self.peer(options)
        return "" if not peer or is_loopback(peer) else peer

    @property
    def usage(self) -> str:
        """`KIND[:ARGS]` as users write it."""
        usage = self.kind
        for argument in sorted(self.arguments, key=lambda a: not a.positional):
            if argument.positional:
                usage += f":{argument.usage}" if argument.required else f"[:{argument.usage}]"
            else:
                usage += f"[,{argument.usage}]"
        return usage


@dataclass(frozen=True)
class SourceSpec(_Spec[Options]):
    """A kind of source.

    Attributes
    ----------
    kind
        Its name on the command line, in status and in takes; the source's own `name`.
    summary
        What it is, as a noun phrase.
    options
        The dataclass that declares its arguments (`arguments.argument`).
    peer
        The host that its options name, `local_network`, or `no_peer`: what Blender's *Allow Online Access* applies to.
    create
        Creates the source from its options; raises InnerfaceError.
    group
        What it is for.
    hints
        Likely causes of silence, the likeliest first; empty if it is never silent.
    needs_lan
        Whether it listens for other devices of the network; its `peer` is `local_network`.
    extra, library
        The extra of the Python package that it needs, and the library in it.
    menu
        Its entry in the add-on; None where it has none.
    """

    create: Callable[[Options, SourceContext], Source]
    group: SourceGroup
    hints: tuple[str, ...] = ()
    needs_lan: bool = False
    extra: str = ""
    library: str = ""
    menu: MenuEntry | None = None

    def make(self, text: str, context: SourceContext) -> Source:
        """Create a source from `KIND[:ARGS]`. Raises InnerfaceError."""
        return self.create(parse_options(self.options, text), context)

    def listening_port(self, options: Options) -> int:
        """Return the UDP port that it listens on, 0 for none."""
        for argument in self.arguments:
            value = getattr(options, argument.attribute)
            if isinstance(value, Address):
                return value.port
            if argument.name == "port" and isinstance(value, int):
                return value
        return 0


@dataclass(frozen=True)
class SinkSpec(_Spec[Options]):
    """A kind of sink.

    Attributes
    ----------
    kind, summary, options, peer
        As a source's.
    create
        Creates the sink from its options; raises InnerfaceError.
    toggle
        How the add-on switches it on; None where it does not.
    """

    create: Callable[[Options, SinkContext], Sink]
    toggle: StreamToggle | None = None

    def make(self, text: str, context: SinkContext) -> Sink:
        """Create a sink from `KIND[:ARGS]`. Raises InnerfaceError."""
        return self.create(parse_options(self.options, text), context)

    @property
    def default_target(self) -> str:
        """The default HOST:PORT; "" if it has no address."""
        address = next((a.default for a in self.arguments if isinstance(a.default, Address)), None)
        return "" if address is None else f"{address.host}:{address.port}"
