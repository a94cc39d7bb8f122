"""From the user's settings to sources and sinks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import InnerfaceError
from ..server.addresses import LOOPBACK
from .settings import LAN, ROOT


def user_folder() -> Path:
    """Where Blender lets this add-on keep things."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT, create=True))
    except ValueError:  # not installed as an extension: a checkout, a test
        return Path(bpy.utils.user_resource("DATAFILES", path="innerface", create=True))


def silent(settings: Any) -> bool:
    """Whether nothing is chosen to hear. (What Blender lacks the library of is "".)"""
    return settings.sensors == settings.camera == "NONE" and settings.electrodes in ("NONE", "")


def network(settings: Any) -> str:
    """The file of the performer's network for electrodes, "" for none; the virtual wearer has one of its own."""
    if settings.electrodes_network:
        return bpy.path.abspath(settings.electrodes_network)
    return "simulated" if settings.electrodes == "VIRTUAL" else ""


def needs_network(settings: Any) -> bool:
    """Whether what is chosen comes from other devices."""
    return settings.sensors in LAN or settings.camera in LAN


def host(settings: Any) -> str:
    """Where sources listen."""
    return settings.interface if needs_network(settings) and settings.network else LOOPBACK


def network_problem(settings: Any) -> str:
    """What keeps other devices from being heard, in one sentence; "" where nothing does."""
    if not needs_network(settings):
        return ""
    if not bpy.app.online_access:
        return "Blender is not allowed online; tick Allow Online Access in Preferences > System to hear phones and trackers"
    return ""


def sources(settings: Any) -> Callable[[], list[Any]]:
    """What makes the chosen sources, later and in another thread. Raises InnerfaceError for what is missing."""
    s = {name: getattr(settings, name) for name in ("sensors", "camera", "device_port", "slimevr_port", "livelink_port", "vmc_port", "phone", "bridge")}
    token, listen = settings.bridge_token, host(settings)
    serial, take = settings.serial_port.strip(), bpy.path.abspath(settings.take) if settings.take else ""
    worn, port, board, stream, chosen = (
        getattr(settings, f"electrodes{name}").strip() for name in ("", "_port", "_board", "_stream", "_inputs")
    )
    if silent(settings):
        raise InnerfaceError("nothing is chosen to hear; choose sensors, electrodes or a camera under Connect")
    if worn == "BRAINFLOW" and not board:
        raise InnerfaceError("no board is named; give BrainFlow's name or number of it under Connect, such as ganglion")
    if s["sensors"] == "TAKE" and not take:
        raise InnerfaceError("no take is chosen; choose one under Connect")

    def make() -> list[Any]:
        from ..server.sources import boards, bridge, inputs, replay, serial_port, udp, virtual, virtual_bio

        def usb(given: str) -> str:
            there = serial_port.ports()
            if not given and not there:
                raise InnerfaceError("no USB port is there; plug the device in, or name its port under Connect")
            return given or there[0]

        at_ear: dict[str, Callable[[], Any]] = {
            "VIRTUAL": virtual_bio.VirtualBio,
            "CYTON": lambda: serial_port.Cyton(usb(port), inputs.inputs(chosen, "")),
            "BRAINFLOW": lambda: boards.BrainFlow(board, {"serial_port": port} if port else {}, inputs.inputs(chosen, "")),
            "LSL": lambda: boards.Lsl(stream or "EMG", inputs.inputs(chosen, "")),
        }

        kinds: dict[str, Callable[[], Any]] = {
            "VIRTUAL": virtual.Virtual,
            "DEVICE": lambda: udp.Devices(listen, s["device_port"]),
            "SERIAL": lambda: serial_port.SerialDevice(usb(serial)),
            "SLIMEVR": lambda: udp.SlimeVr(listen, s["slimevr_port"]),
            "TAKE": lambda: replay.Replay(take, loop=True),
            "LIVELINKFACE": lambda: udp.LiveLinkFace(listen, s["livelink_port"]),
            "IFACIALMOCAP": lambda: udp.IFacialMocap(listen, udp.IFacialMocap.port, s["phone"].strip()),
            "VMC": lambda: udp.Vmc(LOOPBACK, s["vmc_port"]),
            "BRIDGE": lambda: bridge.Bridge(s["bridge"].strip(), token),
        }
        heard = [kinds[kind]() for kind in (s["sensors"], s["camera"]) if kind != "NONE"]
        return [*heard, at_ear[worn]()] if worn in at_ear else heard

    return make


def sinks(settings: Any) -> Callable[[], list[Any]]:
    """What makes the chosen sinks, later and in another thread."""
    wanted = [
        f"{kind}:{target.strip()}"
        for kind, on, target in (
            ("vmc", settings.send_vmc, settings.vmc_target),
            ("livelink", settings.send_livelink, settings.livelink_target),
            ("vts", settings.send_vts, settings.vts_target),
        )
        if on
    ]
    folder = user_folder()

    def make() -> list[Any]:
        from ..server import options

        return [options.sink(text, folder) for text in wanted]

    return make
