"""Performance of the bridge: latency, lost frames, parser speed; a soak test of ten minutes of recording."""

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

from ....core.face.channels import ARKIT
from ....core.take import TrackKind
from ...progress import step
from .device_clocks import measure_device_clocks
from .memory import resident_mb

CLIENTS, SITES, SOAK_SITES, SOAK_HZ, SOAK_S = 5, 11, 20, 200.0, 600.0
_MUTATED_PACKETS = 40_000


def bridge(seconds: float = 18.0, soak: bool = False) -> dict[str, Any]:
    """Measure the latency from packet to frame at a WebSocket client, without the declared look-ahead.

    Five clients run in another process; the baseline is a hub with the linear model. `soak` records 20 sites at 200 Hz
    for ten minutes. `device_clocks` says how faces come back after a device's clock began anew.
    """
    figures = asyncio.run(_measure_latency(seconds))
    with step("parsers") as bar:
        figures |= _measure_parsers(bar)
    with step("clocks of devices"):
        figures |= asyncio.run(measure_device_clocks())
    return figures | _measure_recording(SOAK_S if soak else 6.0)


def _measure_recording(seconds: float) -> dict[str, Any]:
    """Run the soak test in another process, so that only its memory is measured."""
    import subprocess

    with step(f"recording {seconds:.0f} s"):
        command = [sys.executable, "-c", f"from {__name__} import soak; soak({seconds!r})"]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def soak(seconds: float) -> None:
    """Entry point of that process; prints JSON."""
    print(json.dumps(asyncio.run(_record_soak(seconds))))


async def _measure_latency(seconds: float) -> dict[str, Any]:
    from ....server.hub import Hub, Options
    from ....server.sources.virtual_imu import VirtualImu, VirtualImuOptions
    from ....server.web.web_server import WebServer

    figures: dict[str, Any] = {}
    for model, prefix, duration in ((None, "", seconds), ("linear", "linear_", seconds / 2)):
        hub = Hub(Options(model=model))
        web_server = WebServer(hub, port=0)
        await web_server.start()
        source = VirtualImu(VirtualImuOptions(rate=60.0))
        await hub.start([source], [])
        with step(f"live, {'the network' if model is None else model}") as bar:
            began = hub.now()
            while hub.imu.session is None or hub.imu.session.active is None:
                await asyncio.sleep(0.1)
                bar(min((hub.now() - began) / 16, 1.0) * 0.4)
                if hub.now() - began > 40:
                    raise RuntimeError("the virtual performer was not calibrated")
            process = await asyncio.create_subprocess_exec(
                *_clients_command(web_server.port, hub.start_time, duration), stdout=asyncio.subprocess.PIPE
            )
            await asyncio.sleep(0.2)
            task = asyncio.ensure_future(process.communicate())
            while not task.done():
                await asyncio.wait([task], timeout=0.5)
                bar(min(0.4 + 0.6 * (hub.now() - began - 14) / duration, 1.0))
            client_report = json.loads((await task)[0])
            figures |= {f"{prefix}p50_ms": client_report["p50"], f"{prefix}p99_ms": client_report["p99"]}
            if model is None:
                figures |= {
                    "input": f"virtual performer, {SITES} sites at 60 Hz by UDP, "
                    f"{CLIENTS} WebSocket clients in another process for {duration:.0f} s, "
                    f"{client_report['frames']} frames each; {os.cpu_count()} cores",
                    "lookahead_ms": hub.lookahead_s * 1000,
                    "output_hz": client_report["frames"] / duration,
                    "lost": client_report["lost"],
                    "computing_ms": float(np.median(hub.imu.compute_times)) * 1000,
                }
        await web_server.stop()
        await hub.stop()
    return figures


def _clients_command(port: int, began: float, seconds: float) -> list[str]:
    """Command line of a process of clients that report the delay of frames, by this computer's monotonic clock."""
    return [sys.executable, "-c", f"from {__name__} import clients; clients({port}, {began!r}, {seconds!r})"]


def clients(port: int, began: float, seconds: float) -> None:
    """Run five clients; prints JSON."""
    from websockets.asyncio.client import connect

    from ....server.frame import decode_face

    async def receive() -> tuple[list[float], list[int]]:
        latencies, sequence_numbers = [], []
        async with connect(f"ws://127.0.0.1:{port}/", proxy=None, compression=None) as socket:
            await socket.send('{"command": "subscribe", "streams": ["face"]}')
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                message = await socket.recv()
                frame = decode_face(message) if isinstance(message, bytes) else None
                if frame is not None:
                    latencies.append(time.monotonic() - began - frame.arrival)
                    sequence_numbers.append(frame.sequence)
        return latencies, sequence_numbers

    async def run_clients() -> None:
        results = await asyncio.gather(*(receive() for _ in range(CLIENTS)))
        latencies = np.concatenate([x for x, _ in results]) * 1000
        lost = sum(n[-1] - n[0] + 1 - len(n) for _, n in results)
        print(
            json.dumps(
                {
                    "p50": float(np.percentile(latencies, 50)),
                    "p99": float(np.percentile(latencies, 99)),
                    "lost": lost,
                    "frames": len(results[0][1]),
                }
            )
        )

    asyncio.run(run_clients())


def _measure_parsers(bar: Any) -> dict[str, Any]:
    """Packets per second of each parser, on valid and mutated packets; none may raise."""
    from ....server.messages import ImuSample
    from ....server.protocols import device, ifacialmocap, live_link_face, slimevr, vmc

    rng = np.random.default_rng(0)
    q = rng.standard_normal((SITES, 4))
    keys = tuple(map(str, range(SITES)))
    native_packet = device.encode(
        ImuSample("7a3f", keys, q / np.linalg.norm(q, axis=1, keepdims=True), rng.normal(0, 9, (SITES, 3)), 1.0, 1)
    )
    live_link_packet = live_link_face.encode(
        live_link_face.Packet("A" * 36, "phone", 1, 0.0, 60, 1, rng.uniform(0, 1, 61))
    )
    names = (name.replace("Left", "_L").replace("Right", "_R") for name in ARKIT)
    ifacialmocap_packet = "|".join(f"{name}-{k}" for k, name in enumerate(names)).encode() + b"|=head#1,2,3,0,0,0|"
    slimevr_packet = bytes.fromhex("000000110000000000000007010100000000000000003f3504f33f3504f300")
    receiver = vmc.Receiver()
    parsers = {
        "parser": (device.parse, native_packet),
        "slimevr": (slimevr.parse, slimevr_packet),
        "livelinkface": (live_link_face.parse, live_link_packet),
        "ifacialmocap": (ifacialmocap.parse, ifacialmocap_packet),
        "vmc": (receiver.push, vmc.Encoder().encode(rng.uniform(0, 1, 52), (0.1, 0.2, 0.3))[-1]),
    }
    figures: dict[str, Any] = {}
    for k, (name, (parse, data)) in enumerate(parsers.items()):
        count = {"ifacialmocap": 4_000, "vmc": 2_000}.get(name, 40_000)
        began = time.perf_counter()
        for _ in range(count):
            parse(data)
        figures[f"{name}_packets_per_s"] = count / (time.perf_counter() - began)
        mutated = bytearray(data)
        for _ in range(_MUTATED_PACKETS if name == "parser" else 2_000):
            index = int(rng.integers(len(data)))
            mutated[index] ^= int(rng.integers(1, 256))
            parse(bytes(mutated))
            mutated[index] = data[index]
        bar((k + 1) / len(parsers))
    return figures


async def _record_soak(seconds: float) -> dict[str, Any]:
    """Record 20 sites at 200 Hz from a thread that sends packets: all must be in the file, with little memory."""
    from ....core import formats
    from ....server.hub import Hub, Options
    from ....server.sources.udp_device import DeviceSource

    with tempfile.TemporaryDirectory(prefix="innerface-bench-") as folder:
        before_mb = resident_mb()
        layout_path = Path(folder) / "twenty.json"
        site_list = [
            {"id": f"site{k}", "position_mm": [10.0 * (k % 5) - 20, 10.0 * (k // 5), 90.0]} for k in range(SOAK_SITES)
        ]
        layout_path.write_text(json.dumps({"name": "twenty", "reference": "site0", "sites": site_list}))
        hub = Hub(Options(layout=str(layout_path), folder=Path(folder), model="linear", calibrate=False))
        source = DeviceSource(port=0)
        await hub.start([source], [])
        hub.commands.record("soak")
        count = int(seconds * SOAK_HZ)
        sender = threading.Thread(target=_send_packets, args=(source.port, count), daemon=True)
        peak_mb = settled_mb = 0.0
        sender.start()
        while sender.is_alive():
            await asyncio.sleep(0.5)
            peak_mb = max(peak_mb, resident_mb())
            received = next(iter(hub.streams.values())).counter.received if hub.streams else 0
            if not settled_mb and received > 0.2 * count:
                settled_mb = resident_mb()
        stream = next(iter(hub.streams.values()))
        taken = -1
        while taken < source.packets:  # what waits
            taken = source.packets
            await asyncio.sleep(0.5)
        summary = await hub.commands.stop_recording()
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")  # Windows has none
        received, buffer_full = stream.counter.received, source.dropped.get("buffer_full", 0)
        granted_mb = 0.0 if source.buffer is None else source.buffer.granted_bytes / 2**20
        unaccounted = stream.counter.received + stream.counter.repeated - stream.account.shown
        unaccounted -= stream.account.dropped.total()
        await hub.stop()
        size = Path(summary["path"]).stat().st_size
        rows = len(formats.read_take(summary["path"]).tracks[TrackKind.IMU].time)
    return {
        "recording": f"{SOAK_SITES} sites at {SOAK_HZ:.0f} Hz for {seconds:.0f} s by UDP, {size / 1e6:.1f} MB, "
        f"load {load:.1f} on {os.cpu_count()} cores",
        "recorded_sent": count,
        "recorded_received": received,
        "recorded_rows": rows,
        "recorded_lost": count - rows,
        "recorder_dropped": summary["dropped"],
        "recorded_buffer_full": buffer_full,
        "recorded_unaccounted": unaccounted,
        "buffer_mb": granted_mb,
        "rss_mb": peak_mb,
        "rss_before_mb": before_mb,
        "rss_growth_mb": peak_mb - settled_mb,
    }


def _send_packets(port: int, count: int) -> None:
    """Send a device's packets in time."""
    import socket
    import zlib

    from ....server.messages import ImuSample
    from ....server.protocols import device

    rng = np.random.default_rng(1)
    q = rng.standard_normal((SOAK_SITES, 4))
    keys = tuple(map(str, range(SOAK_SITES)))
    packet = bytearray(
        device.encode(
            ImuSample(
                "7a3f", keys, q / np.linalg.norm(q, axis=1, keepdims=True), rng.normal(0, 9, (SOAK_SITES, 3)), 0.0, 0
            )
        )[:-4]
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        began = time.perf_counter()
        for k in range(count):
            packet[8:12] = k.to_bytes(4, "little")
            packet[12:20] = (5_000_000 + k * 5000).to_bytes(8, "little")
            packet[50:52] = (k % 30_000).to_bytes(
                2, "little"
            )  # varying values, so that the file does not compress too well
            body = bytes(packet)
            sock.send(body + zlib.crc32(body).to_bytes(4, "little"))
            wait = began + (k + 1) / SOAK_HZ - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
