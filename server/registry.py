"""All kinds of sources and sinks: found in their packages, where a module that has a `SPEC` is one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from ..core.errors import InnerfaceError
from .specs import SinkContext, SinkSpec, SourceContext, SourceGroup, SourceSpec

if TYPE_CHECKING:
    from .interfaces import Sink, Source

_GROUP_ORDER = tuple(SourceGroup)
_LAST = 1000
_added_sources: dict[str, SourceSpec[Any]] = {}


def sources() -> dict[str, SourceSpec[Any]]:
    """Return all kinds of sources by name, in the order of help texts and menus."""
    specs: list[SourceSpec[Any]] = [*_find_specs("sources"), *_added_sources.values()]
    return {s.kind: s for s in sorted(specs, key=_source_order)}


def sinks() -> dict[str, SinkSpec[Any]]:
    """Return all kinds of sinks by name, in the order of help texts and panels."""
    specs: tuple[SinkSpec[Any], ...] = _find_specs("sinks")
    return {s.kind: s for s in sorted(specs, key=_sink_order)}


def register_source(spec: SourceSpec[Any]) -> None:
    """Add a kind of source from outside the package."""
    _added_sources[spec.kind] = spec


def unregister_source(kind: str) -> None:
    """Undo `register_source`."""
    _added_sources.pop(kind, None)


def make_source(text: str, context: SourceContext | None = None) -> Source:
    """Create a source from KIND[:ARGS]. Raises InnerfaceError."""
    kind, known = _kind(text), sources()
    if kind not in known:
        raise InnerfaceError(f"source '{kind}': give one of {', '.join(known)}")
    return known[kind].make(text, context or SourceContext())


def make_sink(text: str, context: SinkContext | None = None) -> Sink:
    """Create a sink from KIND[:ARGS]. Raises InnerfaceError."""
    kind, known = _kind(text), sinks()
    if kind not in known:
        raise InnerfaceError(f"sink '{kind}': give one of {', '.join(known)}")
    return known[kind].make(text, context or SinkContext())


def usage() -> str:
    """Return all kinds and their arguments as help text."""
    lines: list[str] = []
    for title, specs in (("sources", sources()), ("sinks", sinks())):
        lines += ["", f"{title}:"]
        for spec in specs.values():
            extra = f" (extra '{spec.extra}')" if isinstance(spec, SourceSpec) and spec.extra else ""
            lines += ["", f"  {spec.usage}", f"      {spec.summary}{extra}"]
            for argument in spec.arguments:
                default = f" (default {argument.default_text})" if argument.default_text else ""
                lines.append(f"      {argument.usage:<22} {argument.help}{default}")
    return "\n".join(lines).strip("\n") + "\n"


def _kind(text: str) -> str:
    return re.split("[:,]", text, maxsplit=1)[0].strip()


def _source_order(spec: SourceSpec[Any]) -> tuple[int, int, str]:
    return _GROUP_ORDER.index(spec.group), spec.menu.number if spec.menu is not None else _LAST, spec.kind


def _sink_order(spec: SinkSpec[Any]) -> tuple[int, str]:
    return spec.toggle.row if spec.toggle is not None else _LAST, spec.kind


@cache
def _find_specs(package: str) -> tuple[Any, ...]:
    """Return the `SPEC` of each module that has one."""
    path = importlib.import_module(f".{package}", __package__).__path__
    modules = (importlib.import_module(f".{package}.{m.name}", __package__) for m in pkgutil.iter_modules(path))
    return tuple(module.SPEC for module in modules if hasattr(module, "SPEC"))
