"""KIND[:ARGS] of --source and --sink: `virtual:TAKE,loss=0.02`, `device:0.0.0.0:7645`, `vmc:127.0.0.1:39539,camel`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ..core.errors import InnerfaceError
from .parts import Sink, Source
from .sources.inputs import Inputs, inputs

Extra = TypeVar("Extra")
Part = TypeVar("Part")


@dataclass
class Args:
    """`first`: what stands before the first comma; `named`: key=value pairs and bare words ("" as value)."""

    text: str
    first: str
    named: dict[str, str] = field(default_factory=dict)

    def word(self, name: str) -> bool:
        """Whether a bare word was given."""
        return self.named.pop(name, None) is not None

    def number(self, name: str, default: float) -> float:
        """A number. Raises InnerfaceError."""
        given = self.named.pop(name, None)
        if given is None:
            return default
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or abs(value) > 1e9:
            raise InnerfaceError(f"{self.text}: {name}={given} is not a number that makes sense") from None
        return value

    def string(self, name: str, default: str = "") -> str:
        """A text."""
        return self.named.pop(name, default)

    def address(self, host: str, port: int) -> tuple[str, int]:
        """HOST:PORT, PORT or HOST of the first argument. Raises InnerfaceError."""
        if not self.first:
            return host, port
        head, colon, tail = self.first.rpartition(":")
        if not colon and self.first.isdecimal():
            tail = self.first
        elif not colon:
            return self.first, port
        if not tail.isdecimal() or not 0 <= int(tail) <= 65535:
            raise InnerfaceError(f"{self.text}: '{tail}' is no port; give one from 0 to 65535")
        return head.strip("[]") or host, int(tail)

    def end(self) -> None:
        """Raises InnerfaceError for what nobody asked about."""
        if self.named:
            raise InnerfaceError(f"{self.text}: '{next(iter(self.named))}' is not known there; see 'innerface serve --help'")


def parse(text: str) -> tuple[str, Args]:
    """KIND and its arguments."""
    kind = re.split("[:,]", text, maxsplit=1)[0]
    rest = text[len(kind) :]
    first, *more = rest[1:].split(",") if rest.startswith(":") else ["", *rest[1:].split(",")] if rest else [""]
    if "=" in first and kind != "file" and not Path(first).exists():
        first, more = "", [first, *more]
    named = {}
    for item in more:
        key, _, value = item.partition("=")
        named[key.strip()] = value.strip()
    return kind.strip(), Args(text, first.strip(), named)


def _device(a: Args, host: str) -> Source:
    from .sources.udp import DEVICE_PORT, Devices

    return Devices(*a.address(host, DEVICE_PORT))


def _serial(a: Args, host: str) -> Source:
    from .sources.serial_port import SerialDevice

    return SerialDevice(_port(a), int(a.number("baud", 921600)))


def _cyton(a: Args, host: str) -> Source:
    from .sources.serial_port import Cyton

    return Cyton(_port(a), _inputs(a))


def _inputs(a: Args) -> Inputs:
    return inputs(a.string("channels"), a.string("names"))


def _port(a: Args) -> str:
    from .sources.serial_port import ports

    if not a.first:
        raise InnerfaceError(f"{a.text}: give the port: {a.text}:PORT; there are {', '.join(ports()) or 'none'}")
    return a.first


def _slimevr(a: Args, host: str) -> Source:
    from .sources.udp import SlimeVr

    return SlimeVr(*a.address(host, SlimeVr.port))


def _live_link_face(a: Args, host: str) -> Source:
    from .sources.udp import LiveLinkFace

    return LiveLinkFace(*a.address(host, LiveLinkFace.port), swap_mouth=not a.word("keep-mouth"), swap_jaw=a.word("swap-jaw"))


def _ifacialmocap(a: Args, host: str) -> Source:
    from .sources.udp import IFacialMocap

    return IFacialMocap("0.0.0.0" if a.first else host, int(a.number("port", IFacialMocap.port)), a.first)


def _vmc(a: Args, host: str) -> Source:
    from .sources.udp import Vmc

    return Vmc(*a.address(host, Vmc.port))


def _bridge(a: Args, host: str) -> Source:
    from .sources.bridge import Bridge

    return Bridge(a.first, a.string("token"))


def _osc(a: Args, host: str) -> Source:
    from .sources.udp import OscControl

    return OscControl(*a.address("127.0.0.1", OscControl.port))  # it asks for no token: the network must be named


def _brainflow(a: Args, host: str) -> Source:
    from .sources.boards import BrainFlow

    worn = _inputs(a)
    parameters, a.named = a.named, {}
    return BrainFlow(a.first or "-1", parameters, worn)


def _lsl(a: Args, host: str) -> Source:
    from .sources.boards import Lsl

    return Lsl(a.first or "EMG", _inputs(a))


def _file(a: Args, host: str) -> Source:
    from .sources.replay import Replay

    if not a.first:
        raise InnerfaceError(f"{a.text}: give the take: file:TAKE")
    return Replay(a.first, a.number("speed", 1.0), a.word("loop"))


def _virtual(a: Args, host: str) -> Source:
    from .sources.virtual import Habits, Virtual

    habits = Habits(
        a.number("loss", 0.0), a.number("jitter", 0.0), _gone(a) or Habits.disconnect, a.number("rate", 100.0), a.number("drift", Habits.drift_ppm),
        a.word("gyro"), a.word("serial"), int(a.number("seed", Habits.seed)), a.string("preset", Habits.preset),
    )  # fmt: skip
    return Virtual(a.first or None, habits)


def _gone(a: Args) -> tuple[float, float] | None:
    """disconnect=EVERY:FOR in seconds; None where it was not given. Raises InnerfaceError."""
    every, _, lasting = a.string("disconnect").partition(":")
    try:
        return (float(every), float(lasting or 2.0)) if every else None
    except ValueError:
        raise InnerfaceError(f"{a.text}: disconnect={every}: is not EVERY:FOR in seconds, such as 20:3") from None


def _virtual_bio(a: Args, host: str) -> Source:
    from .sources.virtual_bio import VirtualBio, Worn

    worn = Worn(
        int(a.number("seed", Worn.seed)), a.string("preset", Worn.preset), a.string("ear", Worn.ear), int(a.number("mount", Worn.mount)),
        a.number("loss", Worn.loss), _gone(a) or Worn.disconnect, a.string("flat"),
    )  # fmt: skip
    return VirtualBio(None if a.first in ("", "posed") else a.first, worn)


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
    from .sinks.udp import Vmc
    from .wire import vmc

    return Vmc(*a.address("127.0.0.1", vmc.PORT), camel=a.word("camel"), head=not a.word("no-head"))


def _live_link(a: Args, config: Path | None) -> Sink:
    from .sinks.udp import LiveLink
    from .wire import live_link_face

    return LiveLink(*a.address("127.0.0.1", live_link_face.PORT), subject=a.string("name", "Innerface") or "Innerface")


def _vts(a: Args, config: Path | None) -> Sink:
    from .sinks.vtube_studio import PORT, VTubeStudio

    return VTubeStudio(*a.address("127.0.0.1", PORT), token_file=None if config is None else config / "vtube-studio-token")


def _csv(a: Args, config: Path | None) -> Sink:
    from .sinks.csv_file import CsvFile

    if not a.first:
        raise InnerfaceError(f"{a.text}: give the file: csv:FILE.csv")
    return CsvFile(a.first)


_SINKS: dict[str, Callable[[Args, Path | None], Sink]] = {
    "vmc": _vmc_out,
    "livelink": _live_link,
    "vts": _vts,
    "csv": _csv,
}


def source(text: str, host: str = "127.0.0.1") -> Source:
    """A source of its KIND[:ARGS]; it listens on `host` unless its arguments say otherwise. Raises InnerfaceError."""
    return _made("source", _SOURCES, text, host)


def sink(text: str, config: Path | None = None) -> Sink:
    """A sink of its KIND[:ARGS]; `config`: the folder that permissions are kept in. Raises InnerfaceError."""
    return _made("sink", _SINKS, text, config)


def _made(what: str, makers: dict[str, Callable[[Args, Extra], Part]], text: str, extra: Extra) -> Part:
    kind, args = parse(text)
    if kind not in makers:
        raise InnerfaceError(f"{what} '{kind}': give one of {', '.join(makers)}")
    part = makers[kind](args, extra)
    args.end()
    return part
