"""Devices whose clocks begin anew, by UDP: how soon their samples have the right times again, and what became of all.

Four devices send at once; one is reset, one stands still with its clock, the microseconds of one wrap, and one's clock
is set. Times are judged by a recording, against those at which the packets were sent.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ....core.arrays import Array

EVENTS = ("reset", "pause", "wrap", "jump")
_HZ, _EVENT_S, _OFF_S, _END_S = 100.0, 3.5, 1.0, 9.0
_MAX_ERROR_S = 0.02
_CLOCK_S, _JUMP_S, _WRAP_S = (
    100.0,
    3600.0,
    2**32 * 1e-6,
)  # devices' time at the start; the jump; where 32 bits of µs end


async def measure_device_clocks() -> dict[str, Any]:
    """`faces_back_s`: the worst of EVENTS; `accounted`: samples that were received, less those shown and dropped."""
    from ....server.hub import Hub, Options
    from ....server.sources.udp_device import DeviceSource

    with tempfile.TemporaryDirectory(prefix="innerface-bench-") as folder:
        hub = Hub(Options(folder=Path(folder), model="linear", calibrate=False))
        source = DeviceSource(port=0)
        await hub.start([source], [])
        path = hub.commands.record("clocks")
        began = time.monotonic()
        take_began = began - hub.start_time - hub.recording.recorder.start_time  # pyright: ignore
        sender = threading.Thread(target=_send, args=(source.port, began), daemon=True)
        sender.start()
        while sender.is_alive():
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)
        await hub.commands.stop_recording()
        streams, from_system = hub.status()["streams"], source.dropped
        await hub.stop()
        back_s = {event: _back_after(event, times, sent) for event, times, sent in _read_times(Path(path), take_began)}
    received, dropped = sum(s["received"] for s in streams), sum(sum(s["dropped"].values()) for s in streams)
    return {
        "faces_back": f"{len(EVENTS)} devices at {_HZ:.0f} Hz by UDP on this computer, real clock, {_END_S:.0f} s, "
        f"{received} packets, by event {', '.join(f'{k} {v:.2f} s' for k, v in back_s.items())}",
        "faces_back_s": max(back_s.get(event, float("inf")) for event in EVENTS),
        "accounted": received - sum(s["shown"] for s in streams) - dropped,
        "buffer_full": from_system.get("buffer_full", 0),
    }


def _send(port: int, began: float) -> None:
    import socket

    from ....server.messages import ImuSample
    from ....server.protocols import device

    rotation, acceleration, counts = np.tile([1.0, 0, 0, 0], (2, 1)), np.zeros((2, 3)), [0] * len(EVENTS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for k in range(int(_END_S * _HZ)):
            wait = began + k / _HZ - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            for n, event in enumerate(EVENTS):
                now = time.monotonic() - began
                is_off = event in ("reset", "pause") and _EVENT_S <= now < _EVENT_S + _OFF_S
                if is_off:
                    counts[n] = 0 if event == "reset" else counts[n]
                    continue
                keys = (str(2 * n), str(2 * n + 1))
                sample = ImuSample(f"{n:04x}", keys, rotation, acceleration, _device_time(event, now), counts[n])
                sock.sendto(device.encode(sample), ("127.0.0.1", port))
                counts[n] += 1


def _device_time(event: str, now: float) -> float:
    if event == "wrap":
        return (_WRAP_S - _EVENT_S + now) % _WRAP_S
    if now < _EVENT_S:
        return _CLOCK_S + now
    began_anew = {"reset": now - _EVENT_S - _OFF_S, "pause": _CLOCK_S + now - _OFF_S, "jump": _CLOCK_S + now + _JUMP_S}
    return began_anew[event]


def _sent(event: str, device_time: Array) -> Array:
    """When packets with these device times were sent, s since the start."""
    if event == "wrap":
        return (device_time - _WRAP_S + _EVENT_S) % _WRAP_S
    since = device_time - _CLOCK_S
    if event == "reset":
        return np.where(since < 0, device_time + _EVENT_S + _OFF_S, since)
    if event == "pause":
        return np.where(since >= _EVENT_S, since + _OFF_S, since)
    return np.where(since > _JUMP_S, since - _JUMP_S, since)


def _read_times(path: Path, began: float) -> Iterator[tuple[str, Array, Array]]:
    """Per event the times of a recording's rows, and when these packets were sent; both s since the start."""
    from mcap.reader import make_reader

    rows: dict[str, list[tuple[float, float]]] = {}
    with open(path, "rb") as file:
        for _, channel, message in make_reader(file).iter_messages():
            row = json.loads(message.data)
            if "device_time" in row:
                rows.setdefault(channel.metadata["meta.device"], []).append((row["time"], row["device_time"]))
    for device, pairs in rows.items():
        event, values = EVENTS[int(device, 16)], np.array(pairs)
        yield event, values[:, 0] - began, _sent(event, values[:, 1])


def _back_after(event: str, times: Array, sent: Array) -> float:
    """How long after the device sent again the last time was wrong."""
    resumed = _EVENT_S + (_OFF_S if event in ("reset", "pause") else 0.0)
    after = sent >= resumed
    order = np.argsort(sent[after])
    wrong = np.abs(times - sent)[after][order] > _MAX_ERROR_S
    sent = sent[after][order]
    if wrong.all():
        return float("inf")
    first_right = int(np.flatnonzero(wrong)[-1]) + 1 if wrong.any() else 0
    return float("inf") if first_right == len(sent) else float(sent[first_right] - resumed)
