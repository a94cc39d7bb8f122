"""Preferences that choose sources and sinks, made from what these say of themselves (`server.registry`)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ...server import registry
from ...server.arguments import Address, Argument
from ...server.specs import SinkSpec, SourceGroup, SourceSpec

NO_SOURCE = "NONE"
_MAX_PORT = 65535


@dataclass(frozen=True)
class _Menu:
    """A menu of sources: its label and tooltip, the tooltip of None, and the identifier that is chosen at first."""

    label: str
    description: str
    none_description: str
    default: str = NO_SOURCE


_MENUS = {
    SourceGroup.SENSORS: _Menu("Sensors", "Sensors on the performer's face", "No face sensors", "VIRTUAL"),
    SourceGroup.CAMERA: _Menu("Camera", "Camera that captures the performer's face", "No camera"),
    SourceGroup.ELECTRODES: _Menu("Electrodes", "Electrodes around the performer's ear", "No electrodes"),
}
MENUS = tuple(_MENUS)


def menu_items(group: SourceGroup) -> list[tuple[str, str, str, str, int]]:
    """Items of a menu; sources whose library Blender lacks are left out."""
    entries = [s.menu for s in _menu_specs(group) if s.menu is not None and _is_available(s)]
    items = [(m.identifier, m.label, m.description, m.icon, m.number) for m in entries]
    return [(NO_SOURCE, "None", _MENUS[group].none_description, "X", 0), *items]


def has_unavailable_sources() -> bool:
    """Whether a source is left out of its menu because Blender lacks its library."""
    return not all(_is_available(s) for group in MENUS for s in _menu_specs(group))


def selected_source(settings: Any, group: SourceGroup) -> SourceSpec[Any] | None:
    """What is chosen in a menu; None for nothing, and for what Blender lacks the library of."""
    identifier = getattr(settings, group)
    return next((s for s in _menu_specs(group) if s.menu is not None and s.menu.identifier == identifier), None)


def selected_sources(settings: Any) -> list[SourceSpec[Any]]:
    """What is chosen in all menus."""
    specs = [selected_source(settings, group) for group in MENUS]
    return [s for s in specs if s is not None]


def field_names(spec: SourceSpec[Any]) -> list[str]:
    """Preferences that a source's arguments are kept in."""
    return [a.field.property for a in spec.arguments if a.field is not None]


def stream_sinks() -> list[SinkSpec[Any]]:
    """Sinks that the add-on offers, in the panel's order."""
    return [s for s in registry.sinks().values() if s.toggle is not None]


def preference_properties() -> dict[str, Any]:
    """All preferences that sources and sinks need, by identifier."""
    properties: dict[str, Any] = {}
    for group, menu in _MENUS.items():
        properties[group.value] = EnumProperty(
            name=menu.label, items=menu_items(group), default=menu.default, description=menu.description
        )
        for spec in _menu_specs(group):
            for argument in spec.arguments:
                if argument.field is not None and argument.field.property not in properties:
                    properties[argument.field.property] = _property(argument)
    for sink in stream_sinks():
        toggle = sink.toggle
        assert toggle is not None
        properties[toggle.property] = BoolProperty(name=toggle.label, description=toggle.description)
        properties[toggle.target_property] = StringProperty(
            name="Target", default=sink.default_target, description="Address to send to, as HOST:PORT"
        )
    return properties


def _menu_specs(group: SourceGroup) -> list[SourceSpec[Any]]:
    return [s for s in registry.sources().values() if s.group == group and s.menu is not None]


def _is_available(spec: SourceSpec[Any]) -> bool:
    return not spec.library or find_spec(spec.library) is not None


def _property(argument: Argument) -> Any:
    """The Blender property of an argument, by the type of its default."""
    field = argument.field
    assert field is not None
    default = argument.default if field.default is None else field.default
    about: dict[str, Any] = {"name": field.label, "description": field.description}
    limits: dict[str, Any] = {k: v for k, v in (("min", field.minimum), ("max", field.maximum)) if v is not None}
    if isinstance(default, Address):
        return IntProperty(default=default.port, min=1, max=_MAX_PORT, **about)
    if isinstance(default, bool):
        return BoolProperty(default=default, **about)
    if isinstance(default, int):
        return IntProperty(default=default, **limits, **about)
    if isinstance(default, float):
        return FloatProperty(default=default, **limits, **about)
    subtype: Any = field.subtype or "NONE"
    return StringProperty(default=str(default), subtype=subtype, **about)
