"""A simulated performer whose simulated sensors send real packets by UDP or a serial line, with loss and jitter.

It relaxes, nods and shakes the head, then performs in a loop.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ...core.take import Track, TrackKind
from ..addresses import LOOPBACK
from ..arguments import argument
from ..messages import ImuSample
from ..protocols import cobs, device
from ..specs import MenuEntry, SourceGroup, SourceSpec, no_peer
from .dropouts import dropouts_argument
from .serial_device import SerialDeviceSource
from .udp_device import DeviceSource

if TYPE_CHECKING:
    from ...core.imu.layout import Layout
    from ...core.imu.signal import ImuSignal
    from ..hub import Hub

DEVICE_ID = 0x51CE
_MAX_BEHIND_S = 0.1  # a computer that is busy for longer pauses the performance, not the device's clock


@dataclass(frozen=True)
class VirtualImuOptions:
    """The simulated sensors, device and connection. Raises InnerfaceError if out of range."""

    take: str = argument(
        "",
        positional=True,
        path=True,
        metavar="TAKE",
        help="weights that are performed, or sensors that were recorded; a generated performance unless given",
    )
    loss: float = argument(0.0, metavar="SHARE", help="share of packets that are lost")
    jitter_ms: float = argument(
        0.0,
        name="jitter",
        metavar="MS",
        help="standard deviation of packets' delay; their order may change",
    )
    disconnect: tuple[float, float] = dropouts_argument()
    rate: float = argument(100.0, metavar="HZ", help="samples per second")
    drift_ppm: float = argument(
        80.0, name="drift", metavar="PPM", help="how much faster its clock runs than the computer's"
    )
    gyro: bool = argument(False, help="angular rates are sent as well")
    serial: bool = argument(False, help="over a pseudo-terminal instead of UDP")
    seed: int = argument(7, metavar="N", help="which performance is generated")
    preset: str = argument("studio", metavar="P", help="quality of its sensors: clean, studio or rough")

    def __post_init__(self) -> None:
        from ...core.imu.simulation.effects import PRESETS

        if not (
            0 <= self.loss < 1
            and 0 <= self.jitter_ms <= 500
            and 10 <= self.rate <= 400
            and abs(self.drift_ppm) <= 1000
            and self.seed >= 0
        ):
            raise InnerfaceError(
                "virtual: loss is a share below 1, jitter up to 500 ms, rate 10 to 400 Hz, drift up to 1000 ppm, "
                "seed from 0"
            )
        if self.preset not in PRESETS:
            raise InnerfaceError(f"virtual: preset={self.preset}: give one of {', '.join(PRESETS)}")
        if not self.disconnect[0] > self.disconnect[1] >= 0:
            raise InnerfaceError("virtual: disconnect=EVERY:FOR, in seconds, such as 20:3")


class VirtualImu:
    """A simulated device and the source that receives it; only packets pass between them."""

    name = "virtual"

    def __init__(self, options: VirtualImuOptions | None = None) -> None:
        self.options = options or VirtualImuOptions()
        self.take = self.options.take
        self.receiver: DeviceSource | SerialDeviceSource | None = None
        self.task: asyncio.Task[None] | None = None
        self.sent = self.lost = 0
        self.pty_master: int | None = None
        self.performance_start = 0
        self.prompt_rows: dict[str, int] = {}
        self.prompted_row: int | None = None

    async def start(self, hub: Hub) -> None:
        """Simulate the performance, open the connection and start sending. Raises InnerfaceError."""
        self.signal, self.performance_start, self.prompt_rows = await asyncio.to_thread(self._simulate)
        if self.options.serial:
            try:
                import pty
                import tty
            except ImportError:
                raise InnerfaceError("virtual: this system has no pseudo-terminals; remove 'serial'") from None
            self.pty_master, slave = pty.openpty()
            tty.setraw(slave)
            os.set_blocking(self.pty_master, False)
            self.receiver = SerialDeviceSource(os.ttyname(slave))
        else:
            self.receiver = DeviceSource(LOOPBACK, 0)
        self.receiver.name = self.name
        await self.receiver.start(hub)
        self.task = hub.loop.create_task(self._send())

    def _simulate(self) -> tuple[ImuSignal, int, dict[str, int]]:
        """Return the sensor data, the row at which the loop starts, and the first rows of prompted actions."""
        from ...core import formats, performance
        from ...core.face.face_model import load_bundled
        from ...core.imu.signal import from_track, merge_tracks
        from ...core.imu.simulation.effects import PRESETS
        from ...core.imu.simulation.simulate import simulate

        h = self.options
        if not self.take:
            truth: Track = performance.demo_performance(h.seed).weights()
        else:
            take = formats.read_take(self.take)
            sensors = list(take.tracks_of(TrackKind.IMU).values())
            if sensors:
                return merge_tracks(sensors), 0, {}
            truth = take.weights()
        effects = replace(PRESETS[h.preset], rate_hz=h.rate)
        extended, times = _prepend_actions(truth)
        signal = from_track(
            simulate(extended, load_bundled(), self._layout(), effects=effects, seed=h.seed).tracks[TrackKind.IMU]
        )
        rows = {action: int(np.searchsorted(signal.time, at)) for action, at in times.items()}
        return signal, int(np.searchsorted(signal.time, float(truth.time[0]))), {"calibrate": 0} | rows

    def prompt(self, action: str) -> None:
        """Perform `calibrate` (relax, nod, shake) or an action of the check; recorded sensors ignore it."""
        self.prompted_row = self.prompt_rows.get(action, self.prompted_row)

    def _layout(self) -> Layout:
        from ...core.imu.layout import load_layout

        return load_layout()

    async def stop(self) -> None:
        """Stop sending and close the connection."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if self.receiver is not None:
            await self.receiver.stop()
        if self.pty_master is not None:
            os.close(self.pty_master)
            self.pty_master = None

    async def _send(self) -> None:
        loop, h, rng = asyncio.get_running_loop(), self.options, np.random.default_rng(self.options.seed)
        sites = self._layout().sites
        keys = tuple(str(sites.index(s)) for s in self.signal.sites if s in sites)
        columns = [k for k, s in enumerate(self.signal.sites) if s in sites]
        rotation, acceleration, step = (
            self.signal.rotation[:, columns],
            self.signal.acceleration[:, columns],
            1 / h.rate,
        )
        if self.take and self.performance_start == 0:
            step = float(np.median(np.diff(self.signal.time)))
        socket: Any = None
        if not h.serial:
            assert isinstance(self.receiver, DeviceSource)
            socket = (
                await loop.create_datagram_endpoint(
                    asyncio.DatagramProtocol, remote_addr=(self.receiver.host, self.receiver.port)
                )
            )[0]
        self._write(
            socket,
            device.encode_hello(
                DEVICE_ID, title="virtual device (simulated)", firmware="1", sites=tuple(int(k) for k in keys)
            ),
        )
        start_time = loop.time()
        row, sequence, paused_s = 0, 0, 0.0
        previous = rotation[0]
        action_ends = {*self.prompt_rows.values()} - {0}  # an action ends where the next begins
        try:
            while True:
                at = sequence * step + paused_s  # on the hub's clock, not the device's
                await asyncio.sleep(max(start_time + at - loop.time(), 0.0))
                if (behind := loop.time() - start_time - at) > _MAX_BEHIND_S:
                    paused_s, at = paused_s + behind, at + behind
                gyro = _angular_rates(previous, rotation[row], step) if h.gyro else None
                previous = rotation[row]
                device_time = 100.0 + at * (1 + h.drift_ppm * 1e-6)
                packet = ImuSample(
                    f"{DEVICE_ID:04x}",
                    keys,
                    rotation[row],
                    acceleration[row],
                    device_time,
                    sequence,
                    self.signal.linear,
                    self.signal.up,
                    gyro,
                    battery=3.9,
                )
                sequence, row = sequence + 1, row + 1
                if row == len(rotation) or row in action_ends:
                    row = self.performance_start
                if self.prompted_row is not None:
                    row, self.prompted_row = self.prompted_row, None
                if rng.uniform() < h.loss or at % h.disconnect[0] > h.disconnect[0] - h.disconnect[1]:
                    self.lost += 1
                    continue
                self.sent += 1
                data = device.encode(packet)
                if h.jitter_ms:
                    loop.call_later(abs(rng.normal(0, h.jitter_ms)) * 1e-3, self._write, socket, data)
                else:
                    self._write(socket, data)
        finally:
            if socket is not None:
                socket.close()

    def _write(self, socket: Any, data: bytes) -> None:
        if socket is not None:
            if not socket.is_closing():
                socket.sendto(data)
        elif self.pty_master is not None:
            try:
                os.write(self.pty_master, cobs.encode(data) + b"\0")
            except BlockingIOError:
                self.lost += 1  # the line is full

    def describe(self) -> str:
        """Return what is simulated."""
        description = f"the take {self.take}" if self.take else f"a generated performance (seed {self.options.seed})"
        transport = "a serial line" if self.options.serial else "UDP"
        return f"a simulated performer with simulated sensors, {description}, over {transport}"


_ACTION_S = 4.0  # rise, hold, and fall


def _prepend_actions(truth: Track) -> tuple[Track, dict[str, float]]:
    """Return the performance after the actions of the check, and the start of each action, s."""
    from ...core.imu.quality import ACTIONS

    rate = max(truth.rate, 30.0)
    rest = np.nanmin(truth.values, axis=0)
    rest[[k for k, c in enumerate(truth.columns) if c not in ARKIT]] = 0.0
    envelope = np.interp(np.arange(0, _ACTION_S, 1 / rate), [0.0, 0.4, 3.3, 3.8], [0.0, 1.0, 1.0, 0.0])
    rows: list[Array] = []
    times: dict[str, float] = {}
    begin = float(truth.time[0]) - len(ACTIONS) * len(envelope) / rate
    for k, (action, apex) in enumerate(ACTIONS.items()):
        times[action] = begin + k * len(envelope) / rate
        target = rest.copy()
        for channel, value in apex.items():
            if channel in truth.columns:
                target[truth.columns.index(channel)] = value
        rows.append(rest + envelope[:, None] * (target - rest))
    time = begin + np.arange(len(ACTIONS) * len(envelope)) / rate
    return Track(
        TrackKind.WEIGHTS,
        np.concatenate([time, truth.time]),
        truth.columns,
        np.concatenate([*rows, truth.values]),
        truth.meta,
    ), times


def _angular_rates(previous: Array, current: Array, step: float) -> Array:
    """Return angular rates (S, 3) rad/s in the sensors' frames."""
    from ...core.numerics import quaternion as quat

    return np.nan_to_num(quat.to_rotvec(quat.multiply(quat.conjugate(previous), current)) / step)


SPEC = SourceSpec(
    kind="virtual",
    summary="a simulated performer with simulated sensors",
    options=VirtualImuOptions,
    peer=no_peer,
    create=lambda options, _: VirtualImu(options),
    group=SourceGroup.SENSORS,
    menu=MenuEntry(
        "VIRTUAL",
        1,
        "Virtual Performer",
        "A simulated performer with simulated sensors; no hardware needed",
        "GHOST_ENABLED",
    ),
)
