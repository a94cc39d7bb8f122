"""From the user's settings to sources and sinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ...server.addresses import LOOPBACK
from ..paths import user_folder
from ..properties.preferences import NETWORK_SOURCES


def no_source_selected(settings: Any) -> bool:
    """Whether nothing is chosen to hear. (What Blender lacks the library of is "".)"""
    return settings.sensors == settings.camera == "NONE" and settings.electrodes in ("NONE", "")


def needs_lan(settings: Any) -> bool:
    """Whether what is chosen comes from other devices."""
    return settings.sensors in NETWORK_SOURCES or settings.camera in NETWORK_SOURCES


def listen_host(settings: Any) -> str:
    """Where sources listen."""
    return settings.interface if needs_lan(settings) and settings.network else LOOPBACK


def network_problem(settings: Any) -> str:
    """What keeps other devices from being heard, in one sentence; "" where nothing does."""
    if not needs_lan(settings):
        return ""
    if not bpy.app.online_access:
        return "Blender is not allowed online; tick Allow Online Access in Preferences > System to hear phones and trackers"
    return ""


def source_factory(settings: Any) -> Callable[[], list[Any]]:
    """What makes the chosen sources, later and in another thread. Raises InnerfaceError for what is missing."""
    captured = {
        name: getattr(settings, name)
        for name in ("sensors", "camera", "device_port", "slimevr_port", "livelink_port", "vmc_port", "phone", "bridge")
    }
    token, listen_address = settings.bridge_token, listen_host(settings)
    serial, take = settings.serial_port.strip(), bpy.path.abspath(settings.take) if settings.take else ""
    electrodes, port, board, stream, input_spec = (
        getattr(settings, f"electrodes{name}").strip() for name in ("", "_port", "_board", "_stream", "_inputs")
    )
    if no_source_selected(settings):
        raise InnerfaceError("nothing is chosen to hear; choose sensors, electrodes or a camera under Connect")
    if electrodes == "BRAINFLOW" and not board:
        raise InnerfaceError("no board is named; give BrainFlow's name or number of it under Connect, such as ganglion")
    if captured["sensors"] == "TAKE" and not take:
        raise InnerfaceError("no take is chosen; choose one under Connect")

    def make_sources() -> list[Any]:
        from ...server.sources import (
            board_inputs,
            boards,
            remote_bridge,
            replay,
            serial_port,
            udp,
            virtual_bio,
            virtual_imu,
        )

        def usb_port(configured_port: str) -> str:
            available_ports = serial_port.ports()
            if not configured_port and not available_ports:
                raise InnerfaceError("no USB port is there; plug the device in, or name its port under Connect")
            return configured_port or available_ports[0]

        electrode_factories: dict[str, Callable[[], Any]] = {
            "VIRTUAL": virtual_bio.VirtualBio,
            "CYTON": lambda: serial_port.CytonSource(usb_port(port), board_inputs.parse_inputs(input_spec, "")),
            "BRAINFLOW": lambda: boards.BrainFlowSource(
                board, {"serial_port": port} if port else {}, board_inputs.parse_inputs(input_spec, "")
            ),
            "LSL": lambda: boards.LslSource(stream or "EMG", board_inputs.parse_inputs(input_spec, "")),
        }

        face_factories: dict[str, Callable[[], Any]] = {
            "VIRTUAL": virtual_imu.VirtualImu,
            "DEVICE": lambda: udp.DeviceSource(listen_address, captured["device_port"]),
            "SERIAL": lambda: serial_port.SerialDeviceSource(usb_port(serial)),
            "SLIMEVR": lambda: udp.SlimeVrSource(listen_address, captured["slimevr_port"]),
            "TAKE": lambda: replay.ReplaySource(take, loop=True),
            "LIVELINKFACE": lambda: udp.LiveLinkFaceSource(listen_address, captured["livelink_port"]),
            "IFACIALMOCAP": lambda: udp.IFacialMocapSource(
                listen_address, udp.IFacialMocapSource.port, captured["phone"].strip()
            ),
            "VMC": lambda: udp.VmcSource(LOOPBACK, captured["vmc_port"]),
            "BRIDGE": lambda: remote_bridge.RemoteBridge(captured["bridge"].strip(), token),
        }
        face_sources = [face_factories[kind]() for kind in (captured["sensors"], captured["camera"]) if kind != "NONE"]
        return [*face_sources, electrode_factories[electrodes]()] if electrodes in electrode_factories else face_sources

    return make_sources


def sink_factory(settings: Any) -> Callable[[], list[Any]]:
    """What makes the chosen sinks, later and in another thread."""
    sink_specs = [
        f"{kind}:{target.strip()}"
        for kind, on, target in (
            ("vmc", settings.send_vmc, settings.vmc_target),
            ("livelink", settings.send_livelink, settings.livelink_target),
            ("vts", settings.send_vts, settings.vts_target),
        )
        if on
    ]
    folder = user_folder()

    def make_sinks() -> list[Any]:
        from ...server import options

        return [options.make_sink(spec, folder) for spec in sink_specs]

    return make_sinks
