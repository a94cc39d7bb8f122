"""Sources and sinks as the preferences select them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import InnerfaceError
from ...server.addresses import LOOPBACK
from ...server.arguments import Address, Argument, parse_options
from ...server.specs import SinkContext, SinkSpec, SourceContext, SourceSpec
from ..paths import user_folder
from ..properties.source_fields import selected_sources, stream_sinks

if TYPE_CHECKING:
    from ...server.interfaces import Sink, Source

OptionValues = dict[str, Any]


def no_source_selected(settings: Any) -> bool:
    """Whether no source is selected."""
    return not selected_sources(settings)


def needs_lan(settings: Any) -> bool:
    """Whether a selected source receives data from other devices on the network."""
    return any(spec.needs_lan for spec in selected_sources(settings))


def listen_host(settings: Any) -> str:
    """Return the address at which sources that receive from other devices listen."""
    return settings.interface if needs_lan(settings) and settings.network else LOOPBACK


def network_problem(settings: Any) -> str:
    """Return why what is selected cannot exchange data with other computers, in one sentence; "" where it can."""
    return offline_problem([*_outside_names(selected_sources(settings), settings), *outside_sinks(settings)])


def offline_problem(names: list[str]) -> str:
    """Return why `names`, of `outside_sources` and `outside_sinks`, may not be used now; "" where they may."""
    if bpy.app.online_access or not names:
        return ""
    return (
        "Blender is not allowed online; turn on Allow Online Access in Preferences > System to exchange data with "
        f"{', '.join(names)}"
    )


def outside_sources(settings: Any) -> list[str]:
    """Return the selected sources that exchange data with other computers, each with what it reaches."""
    listens_locally = not settings.network
    return _outside_names([s for s in selected_sources(settings) if not (s.needs_lan and listens_locally)], settings)


def outside_sinks(settings: Any) -> list[str]:
    """Return the sinks that are switched on and send to other computers, each with its host."""
    names: list[str] = []
    for spec, text in _selected_sinks(settings):
        with contextlib.suppress(InnerfaceError):  # a target that cannot be read is refused when the sink is made
            peer = spec.outside_peer(parse_options(spec.options, text))
            names += [f"{spec.toggle.label} ({peer})"] if spec.toggle is not None and peer else []
    return names


def network_port(settings: Any) -> int:
    """Return the UDP port that other devices send to, 0 where none does."""
    ports = (
        s.listening_port(s.options(**_option_values(s, settings))) for s in selected_sources(settings) if s.needs_lan
    )
    return next(ports, 0)


def source_factory(settings: Any) -> Callable[[], list[Source]]:
    """Return a function that makes the selected sources in another thread. Raises InnerfaceError for missing values."""
    specs = selected_sources(settings)
    if not specs:
        raise InnerfaceError("no source is selected; choose sensors, electrodes or a camera under Connect")
    host = listen_host(settings)
    selected = [(spec, _option_values(spec, settings)) for spec in specs]
    for spec, values in selected:
        _require_texts(spec, values)

    def make_sources() -> list[Source]:
        return [_make_source(spec, values, host) for spec, values in selected]

    return make_sources


def source_texts(settings: Any) -> tuple[str, ...]:
    """Return the selected sources as `KIND:ARGS`, as recordings keep them."""
    return tuple(
        f"{spec.kind}:" + ",".join(f"{name}={value}" for name, value in _option_values(spec, settings).items())
        for spec in selected_sources(settings)
    )


def sink_factory(settings: Any) -> Callable[[], list[Sink]]:
    """Return a function that makes the selected sinks, for another thread."""
    selected = _selected_sinks(settings)
    context = SinkContext(user_folder())
    return lambda: [spec.make(text, context) for spec, text in selected]


def _selected_sinks(settings: Any) -> list[tuple[SinkSpec[Any], str]]:
    """Return the sinks that are switched on, each with its `KIND:HOST:PORT`."""
    return [
        (spec, f"{spec.kind}:{getattr(settings, spec.toggle.target_property).strip()}")
        for spec in stream_sinks()
        if spec.toggle is not None and getattr(settings, spec.toggle.property)
    ]


def _outside_names(specs: list[SourceSpec[Any]], settings: Any) -> list[str]:
    peers = ((s, s.outside_peer(s.options(**_option_values(s, settings)))) for s in specs)
    return [f"{spec.menu.label} ({peer})" for spec, peer in peers if spec.menu is not None and peer]


def _option_values(spec: SourceSpec[Any], settings: Any) -> OptionValues:
    """Return the options of a source from the preferences; empty texts keep the source's default."""
    values: OptionValues = {} if spec.menu is None else dict(spec.menu.preset)
    for argument in spec.arguments:
        if argument.field is None:
            continue
        value = getattr(settings, argument.field.property)
        if isinstance(argument.default, Address):
            value = Address(argument.default.host, value)
        elif isinstance(value, str):
            value = _clean_text(value, argument.field.subtype)
        if value != "":
            values[argument.attribute] = value
    return values


def _clean_text(text: str, subtype: str) -> str:
    if subtype == "FILE_PATH":
        return bpy.path.abspath(text) if text else ""
    return text if subtype == "PASSWORD" else text.strip()


def _missing_texts(spec: SourceSpec[Any], values: OptionValues) -> list[tuple[Argument, str]]:
    """Return required arguments that are not set, each with its message for the user."""
    return [
        (a, a.field.missing)
        for a in spec.arguments
        if a.field is not None and a.field.missing and a.attribute not in values
    ]


def _require_texts(spec: SourceSpec[Any], values: OptionValues) -> None:
    for argument, message in _missing_texts(spec, values):
        if argument.suggestions is None:
            raise InnerfaceError(message)


def _make_source(spec: SourceSpec[Any], values: OptionValues, host: str) -> Source:
    """Make a source; a missing argument is set to the first suggestion of this computer, such as a USB port."""
    suggested: OptionValues = {}
    for argument, message in _missing_texts(spec, values):
        suggestions = argument.suggestions() if argument.suggestions is not None else []
        if not suggestions:
            raise InnerfaceError(message)
        suggested[argument.attribute] = suggestions[0]
    address = host if spec.needs_lan else LOOPBACK
    return spec.create(spec.options(**(values | suggested)), SourceContext(address, peer_host=address))
