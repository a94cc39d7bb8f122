"""KIND[:ARGS] of --source and --sink: `virtual:TAKE,loss=0.02`, `device:0.0.0.0:7645`, `vmc:127.0.0.1:39539,camel`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ..core.errors import InnerfaceError
from .interfaces import Sink, Source
from .sources.board_inputs import BoardInputs, parse_inputs

Extra = TypeVar("Extra")
Component = TypeVar("Component")


@dataclass
class Args:
    """`first`: what stands before the first comma; `named`: key=value pairs and bare words ("" as value)."""

    text: str
    positional: str
    keywords: dict[str, str] = field(default_factory=dict)

    def flag(self, name: str) -> bool:
        """Whether a bare word was given."""
        return self.keywords.pop(name, None) is not None

    def number(self, name: str, default: float) -> float:
        """A number. Raises InnerfaceError."""
        raw = self.keywords.pop(name, None)
        if raw is None:
            return default
        try:
            value = float(raw)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or abs(value) > 1e9:
            raise InnerfaceError(f"{self.text}: {name}={raw} is not a number that makes sense") from None
        return value

    def string(self, name: str, default: str = "") -> str:
        """A text."""
        return self.keywords.pop(name, default)

    def address(self, host: str, port: int) -> tuple[str, int]:
        """HOST:PORT, PORT or HOST of the first argument. Raises InnerfaceError."""
        if not self.positional:
            return host, port
        head, colon, tail = self.positional.rpartition(":")
        if not colon and self.positional.isdecimal():
            tail = self.positional
        elif not colon:
            return self.positional, port
        if not tail.isdecimal() or not 0 <= int(tail) <= 65535:
            raise InnerfaceError(f"{self.text}: '{tail}' is no port; give one from 0 to 65535")
        return head.strip("[]") or host, int(tail)

    def ensure_consumed(self) -> None:
        """Raises InnerfaceError for what nobody asked about."""
        if self.keywords:
            raise InnerfaceError(
                f"{self.text}: '{next(iter(self.keywords))}' is not known there; see 'innerface serve --help'"
            )


def parse(text: str) -> tuple[str, Args]:
    """KIND and its arguments."""
    kind = re.split("[:,]", text, maxsplit=1)[0]
    remainder = text[len(kind) :]
    first, *more = (
        remainder[1:].split(",")
        if remainder.startswith(":")
        else ["", *remainder[1:].split(",")]
        if remainder
        else [""]
    )
    if "=" in first and kind != "file" and not Path(first).exists():
        first, more = "", [first, *more]
    named = {}
    for item in more:
        key, _, value = item.partition("=")
        named[key.strip()] = value.strip()
    return kind.strip(), Args(text, first.strip(), named)


def _device(a: Args, host: str) -> Source:
    from .sources.udp import DEVICE_PORT, DeviceSource

    return DeviceSource(*a.address(host, DEVICE_PORT))


def _serial(a: Args, host: str) -> Source:
    from .sources.serial_port import SerialDeviceSource

    return SerialDeviceSource(_port(a), int(a.number("baud", 921600)))


def _cyton(a: Args, host: str) -> Source:
    from .sources.serial_port import CytonSource

    return CytonSource(_port(a), _inputs(a))


def _inputs(a: Args) -> BoardInputs:
    return parse_inputs(a.string("channels"), a.string("names"))


def _port(a: Args) -> str:
    from .sources.serial_port import ports

    if not a.positional:
        raise InnerfaceError(f"{a.text}: give the port: {a.text}:PORT; there are {', '.join(ports()) or 'none'}")
    return a.positional


def _slimevr(a: Args, host: str) -> Source:
    from .sources.udp import SlimeVrSource

    return SlimeVrSource(*a.address(host, SlimeVrSource.port))


def _live_link_face(a: Args, host: str) -> Source:
    from .sources.udp import LiveLinkFaceSource

    return LiveLinkFaceSource(
        *a.address(host, LiveLinkFaceSource.port), swap_mouth=not a.flag("keep-mouth"), swap_jaw=a.flag("swap-jaw")
    )


def _ifacialmocap(a: Args, host: str) -> Source:
    from .sources.udp import IFacialMocapSource

    return IFacialMocapSource(
        "0.0.0.0" if a.positional else host, int(a.number("port", IFacialMocapSource.port)), a.positional
    )


def _vmc(a: Args, host: str) -> Source:
    from .sources.udp import VmcSource

    return VmcSource(*a.address(host, VmcSource.port))


def _bridge(a: Args, host: str) -> Source:
    from .sources.remote_bridge import RemoteBridge

    return RemoteBridge(a.positional, a.string("token"))


def _osc(a: Args, host: str) -> Source:
    from .sources.udp import OscControlSource

    return OscControlSource(
        *a.address("127.0.0.1", OscControlSource.port)
    )  # it asks for no token: the network must be named


def _brainflow(a: Args, host: str) -> Source:
    from .sources.boards import BrainFlowSource

    selected = _inputs(a)
    parameters, a.keywords = a.keywords, {}
    return BrainFlowSource(a.positional or "-1", parameters, selected)


def _lsl(a: Args, host: str) -> Source:
    from .sources.boards import LslSource

    return LslSource(a.positional or "EMG", _inputs(a))


def _file(a: Args, host: str) -> Source:
    from .sources.replay import ReplaySource

    if not a.positional:
        raise InnerfaceError(f"{a.text}: give the take: file:TAKE")
    return ReplaySource(a.positional, a.number("speed", 1.0), a.flag("loop"))


def _virtual(a: Args, host: str) -> Source:
    from .sources.virtual_imu import VirtualImu, VirtualImuOptions

    options = VirtualImuOptions(
        a.number("loss", 0.0),
        a.number("jitter", 0.0),
        _disconnect(a) or VirtualImuOptions.disconnect,
        a.number("rate", 100.0),
        a.number("drift", VirtualImuOptions.drift_ppm),
        a.flag("gyro"),
        a.flag("serial"),
        int(a.number("seed", VirtualImuOptions.seed)),
        a.string("preset", VirtualImuOptions.preset),
    )
    return VirtualImu(a.positional or None, options)


def _disconnect(a: Args) -> tuple[float, float] | None:
    """disconnect=EVERY:FOR in seconds; None where it was not given. Raises InnerfaceError."""
    period, _, duration = a.string("disconnect").partition(":")
    try:
        return (float(period), float(duration or 2.0)) if period else None
    except ValueError:
        raise InnerfaceError(f"{a.text}: disconnect={period}: is not EVERY:FOR in seconds, such as 20:3") from None


def _virtual_bio(a: Args, host: str) -> Source:
    from .sources.virtual_bio import VirtualBio, VirtualBioOptions

    options = VirtualBioOptions(
        int(a.number("seed", VirtualBioOptions.seed)),
        a.string("preset", VirtualBioOptions.preset),
        a.string("ear", VirtualBioOptions.ear),
        int(a.number("mount", VirtualBioOptions.mount)),
        a.number("loss", VirtualBioOptions.loss),
        _disconnect(a) or VirtualBioOptions.disconnect,
        a.string("flat"),
    )
    return VirtualBio(None if a.positional in ("", "posed") else a.positional, options)


_SOURCES: dict[str, Callable[[Args, str], Source]] = {
    "virtual": _virtual,
    "virtual-bio": _virtual_bio,
    "device": _device,
    "serial": _serial,
    "slimevr": _slimevr,
    "livelinkface": _live_link_face,
    "ifacialmocap": _ifacialmocap,
    "vmc": _vmc,
    "bridge": _bridge,
    "osc": _osc,
    "cyton": _cyton,
    "brainflow": _brainflow,
    "lsl": _lsl,
    "file": _file,
}


def _vmc_out(a: Args, config: Path | None) -> Sink:
    from .protocols import vmc
    from .sinks.udp import VmcSink

    return VmcSink(*a.address("127.0.0.1", vmc.PORT), camel=a.flag("camel"), head=not a.flag("no-head"))


def _live_link(a: Args, config: Path | None) -> Sink:
    from .protocols import live_link_face
    from .sinks.udp import LiveLinkSink

    return LiveLinkSink(
        *a.address("127.0.0.1", live_link_face.PORT), subject=a.string("name", "Innerface") or "Innerface"
    )


def _vts(a: Args, config: Path | None) -> Sink:
    from .sinks.vtube_studio import PORT, VTubeStudioSink

    return VTubeStudioSink(
        *a.address("127.0.0.1", PORT), token_file=None if config is None else config / "vtube-studio-token"
    )


def _csv(a: Args, config: Path | None) -> Sink:
    from .sinks.csv_file import CsvSink

    if not a.positional:
        raise InnerfaceError(f"{a.text}: give the file: csv:FILE.csv")
    return CsvSink(a.positional)


_SINKS: dict[str, Callable[[Args, Path | None], Sink]] = {
    "vmc": _vmc_out,
    "livelink": _live_link,
    "vts": _vts,
    "csv": _csv,
}


def make_source(text: str, host: str = "127.0.0.1") -> Source:
    """A source of its KIND[:ARGS]; it listens on `host` unless its arguments say otherwise. Raises InnerfaceError."""
    return _create("source", _SOURCES, text, host)


def make_sink(text: str, config: Path | None = None) -> Sink:
    """A sink of its KIND[:ARGS]; `config`: the folder that permissions are kept in. Raises InnerfaceError."""
    return _create("sink", _SINKS, text, config)


def _create(role: str, makers: dict[str, Callable[[Args, Extra], Component]], text: str, extra: Extra) -> Component:
    kind, args = parse(text)
    if kind not in makers:
        raise InnerfaceError(f"{role} '{kind}': give one of {', '.join(makers)}")
    component = makers[kind](args, extra)
    args.ensure_consumed()
    return component
