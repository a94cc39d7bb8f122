"""The bridge at work: how late faces are, whether any is lost, how fast packets are read; `soak`: ten minutes of recording."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..progress import step
from .memory import resident_mb

CLIENTS, SITES, SOAK_SITES, SOAK_HZ, SOAK_S = 5, 11, 20, 200.0, 600.0
_MUTATED = 40_000


def bridge(seconds: float = 18.0, soak: bool = False) -> dict[str, Any]:
    """Packet in -> calibrated, inferred frame out at a WebSocket client, computing and queueing (the declared look-ahead is not in it), with
    five clients in a process of their own; the baseline is a hub with the linear model. `soak`: 20 sites at 200 Hz recorded for ten minutes."""
    out = asyncio.run(_latency(seconds))
    with step("parsers") as bar:
        out |= _parsers(bar)
    return out | _recording(SOAK_S if soak else 6.0)


def _recording(seconds: float) -> dict[str, Any]:
    """`_soak` in a process of its own, so that its memory is told alone."""
    import subprocess

    with step(f"recording {seconds:.0f} s"):
        command = [sys.executable, "-c", f"from {__name__} import soak; soak({seconds!r})"]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def soak(seconds: float) -> None:
    """What `_recording` runs; prints JSON."""
    print(json.dumps(asyncio.run(_soak(seconds))))


async def _latency(seconds: float) -> dict[str, Any]:
    from ...server.hub import Hub, Options
    from ...server.sources.virtual import Habits, Virtual
    from ...server.websocket import Door

    figures: dict[str, Any] = {}
    for model, prefix, lasting in ((None, "", seconds), ("linear", "linear_", seconds / 2)):
        hub = Hub(Options(model=model))
        door = Door(hub, port=0)
        await door.start()
        source = Virtual(None, Habits(rate=60.0))
        await hub.start([source], [])
        with step(f"live, {'the network' if model is None else model}") as bar:
            began = hub.now()
            while hub.session is None or hub.session.ready is None:
                await asyncio.sleep(0.1)
                bar(min((hub.now() - began) / 16, 1.0) * 0.4)
                if hub.now() - began > 40:
                    raise RuntimeError("the virtual performer was not calibrated")
            process = await asyncio.create_subprocess_exec(*_listener(door.port, hub.began, lasting), stdout=asyncio.subprocess.PIPE)
            await asyncio.sleep(0.2)
            task = asyncio.ensure_future(process.communicate())
            while not task.done():
                await asyncio.wait([task], timeout=0.5)
                bar(min(0.4 + 0.6 * (hub.now() - began - 14) / lasting, 1.0))
            said = json.loads((await task)[0])
            figures |= {f"{prefix}p50_ms": said["p50"], f"{prefix}p99_ms": said["p99"]}
            if model is None:
                figures |= {
                    "input": f"virtual performer, {SITES} sites at 60 Hz by UDP, {CLIENTS} WebSocket clients in another process for {lasting:.0f} s, "
                    f"{said['frames']} frames each; {os.cpu_count()} cores",
                    "lookahead_ms": hub.lookahead_s * 1000,
                    "output_hz": said["frames"] / lasting,
                    "lost": said["lost"],
                    "computing_ms": float(np.median(hub.spent)) * 1000,
                }
        await door.stop()
        await hub.stop()
    return figures


def _listener(port: int, began: float, seconds: float) -> list[str]:
    """A command whose process is the clients: they say how late frames come, on the one monotonic clock of this computer."""
    return [sys.executable, "-c", f"from {__name__} import clients; clients({port}, {began!r}, {seconds!r})"]


def clients(port: int, began: float, seconds: float) -> None:
    """Five clients; prints JSON."""
    from websockets.asyncio.client import connect

    from ...server.frame import read_face

    async def one() -> tuple[list[float], list[int]]:
        late, numbers = [], []
        async with connect(f"ws://127.0.0.1:{port}/", proxy=None, compression=None) as socket:
            await socket.send('{"command": "subscribe", "streams": ["face"]}')
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                message = await socket.recv()
                frame = read_face(message) if isinstance(message, bytes) else None
                if frame is not None:
                    late.append(time.monotonic() - began - frame.arrived)
                    numbers.append(frame.sequence)
        return late, numbers

    async def all_of_them() -> None:
        got = await asyncio.gather(*(one() for _ in range(CLIENTS)))
        late = np.concatenate([x for x, _ in got]) * 1000
        lost = sum(n[-1] - n[0] + 1 - len(n) for _, n in got)
        print(json.dumps({"p50": float(np.percentile(late, 50)), "p99": float(np.percentile(late, 99)), "lost": lost, "frames": len(got[0][1])}))

    asyncio.run(all_of_them())


def _parsers(bar: Any) -> dict[str, Any]:
    """Packets a second of each parser, whole and mutated; none may raise."""
    from ...server.messages import Imu
    from ...server.wire import device, ifacialmocap, live_link_face, slimevr, vmc

    rng = np.random.default_rng(0)
    q = rng.standard_normal((SITES, 4))
    keys = tuple(map(str, range(SITES)))
    native = device.encode(Imu("7a3f", keys, q / np.linalg.norm(q, axis=1, keepdims=True), rng.normal(0, 9, (SITES, 3)), 1.0, 1))
    face = live_link_face.encode(live_link_face.Packet("A" * 36, "phone", 1, 0.0, 60, 1, rng.uniform(0, 1, 61)))
    text = "|".join(f"{name}-{k}" for k, name in enumerate(ifacialmocap._BY_NAME)).encode() + b"|=head#1,2,3,0,0,0|"
    tracker = bytes.fromhex("000000110000000000000007010100000000000000003f3504f33f3504f300")
    receiver = vmc.Receiver()
    parsers = {
        "parser": (device.parse, native), "slimevr": (slimevr.parse, tracker), "livelinkface": (live_link_face.parse, face),
        "ifacialmocap": (ifacialmocap.parse, text), "vmc": (receiver.push, vmc.Encoder().encode(rng.uniform(0, 1, 52), (0.1, 0.2, 0.3))),
    }  # fmt: skip
    figures: dict[str, Any] = {}
    for k, (name, (parse, data)) in enumerate(parsers.items()):
        count = {"ifacialmocap": 4_000, "vmc": 2_000}.get(name, 40_000)
        began = time.perf_counter()
        for _ in range(count):
            parse(data)
        figures[f"{name}_packets_per_s"] = count / (time.perf_counter() - began)
        mutated = bytearray(data)
        for _ in range(_MUTATED if name == "parser" else 2_000):
            at = int(rng.integers(len(data)))
            mutated[at] ^= int(rng.integers(1, 256))
            parse(bytes(mutated))
            mutated[at] = data[at]
        bar((k + 1) / len(parsers))
    return figures


async def _soak(seconds: float) -> dict[str, Any]:
    """20 sites at 200 Hz from a thread that really sends packets: all must be in the file, in little memory."""
    from ...core import formats
    from ...server.hub import Hub, Options
    from ...server.sources.udp import Devices

    with tempfile.TemporaryDirectory(prefix="innerface-bench-") as folder:
        before = resident_mb()
        layout = Path(folder) / "twenty.json"
        places = [{"id": f"site{k}", "position_mm": [10.0 * (k % 5) - 20, 10.0 * (k // 5), 90.0]} for k in range(SOAK_SITES)]
        layout.write_text(json.dumps({"name": "twenty", "reference": "site0", "sites": places}))
        hub = Hub(Options(layout=str(layout), folder=Path(folder), model="linear", calibrate=False))
        source = Devices(port=0)
        await hub.start([source], [])
        hub.record("soak")
        count = int(seconds * SOAK_HZ)
        sender = threading.Thread(target=_send, args=(source.port, count), daemon=True)
        most = first = 0.0
        sender.start()
        while sender.is_alive():
            await asyncio.sleep(0.5)
            most = max(most, resident_mb())
            received = next(iter(hub.streams.values())).counter.received if hub.streams else 0
            if not first and received > 0.2 * count:
                first = resident_mb()
        await asyncio.sleep(0.5)
        stream = next(iter(hub.streams.values()))
        said = await hub.stop_recording()
        received = stream.counter.received
        await hub.stop()
        size = Path(said["path"]).stat().st_size
        rows = len(formats.read_take(said["path"]).tracks["imu"].time)
    return {
        "recording": f"{SOAK_SITES} sites at {SOAK_HZ:.0f} Hz for {seconds:.0f} s by UDP, {size / 1e6:.1f} MB",
        "recorded_sent": count,
        "recorded_received": received,
        "recorded_rows": rows,
        "recorded_lost": count - rows,
        "recorder_dropped": said["dropped"],
        "rss_mb": most,
        "rss_before_mb": before,
        "rss_growth_mb": most - first,
    }


def _send(port: int, count: int) -> None:
    """A device's packets, on time, from a thread of its own."""
    import socket
    import zlib

    from ...server.messages import Imu
    from ...server.wire import device

    rng = np.random.default_rng(1)
    q = rng.standard_normal((SOAK_SITES, 4))
    keys = tuple(map(str, range(SOAK_SITES)))
    raw = bytearray(device.encode(Imu("7a3f", keys, q / np.linalg.norm(q, axis=1, keepdims=True), rng.normal(0, 9, (SOAK_SITES, 3)), 0.0, 0))[:-4])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("127.0.0.1", port))
        began = time.perf_counter()
        for k in range(count):
            raw[8:12] = k.to_bytes(4, "little")
            raw[12:20] = (5_000_000 + k * 5000).to_bytes(8, "little")
            raw[50:52] = (k % 30_000).to_bytes(2, "little")  # something that changes, so that the file does not pack too well
            body = bytes(raw)
            out.send(body + zlib.crc32(body).to_bytes(4, "little"))
            wait = began + (k + 1) / SOAK_HZ - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
