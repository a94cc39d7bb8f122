"""The bridge: hear devices, show and record what they say, and send the face on.

Without --source it listens for Innerface devices on this computer; virtual is a simulated performer to try everything with. The control page's
address is printed; --open opens it. --host lets others of the network in, who need the token. Ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from ..core.pipeline import FACE_STREAMS, LOSS_POLICIES

_STATUS_INTERVAL_S, _LOG_INTERVAL_S = 1.0, 10.0
_TYPED_COMMANDS = ("recentre", "calibrate", "record [name]", "stop", "mark [text]", "end")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Adds all kinds of sources and sinks, which are looked up only when the help is shown."""

    def format_help(self) -> str:
        from ..server import registry

        return f"{super().format_help()}\n{registry.usage()}"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = _HelpFormatter
    parser.add_argument(
        "--source", action="append", default=[], metavar="KIND[:ARGS]", help="what to hear; repeat for several"
    )
    parser.add_argument(
        "--sink", action="append", default=[], metavar="KIND[:ARGS]", help="where to send faces; repeat for several"
    )
    parser.add_argument("--record", metavar="FILE.mcap", help="record from the start")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDR", help="listen there (default 127.0.0.1: only this computer)"
    )
    parser.add_argument(
        "--port", type=int, default=7646, metavar="N", help="of the control page and WebSocket (default 7646; 0: any)"
    )
    parser.add_argument("--token", default="", metavar="T", help="asked of everyone; needed with --host")
    parser.add_argument("--open", action="store_true", help="open the control page")
    parser.add_argument(
        "--folder",
        default=".",
        metavar="DIR",
        help="where takes that are started on the page are written (default: here)",
    )
    parser.add_argument("--layout", default="default", metavar="L", help="sites: a shipped layout or a .json file")
    parser.add_argument(
        "--assign",
        action="append",
        default=[],
        metavar="DEVICE/SENSOR=SITE",
        help="which sensor sits where; remembered",
    )
    parser.add_argument(
        "--model", metavar="M", help="a network that does not look ahead (.onnx), linear, or a linear model's .npz"
    )
    parser.add_argument("--adapter", metavar="P.npz", help="what was learned of this performer by innerface adapt")
    parser.add_argument(
        "--electrodes",
        metavar="M.onnx",
        help="the performer's network for electrodes, by innerface train bio; simulated: the shipped one, of a simulated performer",
    )
    parser.add_argument(
        "--loss",
        action="append",
        default=[],
        metavar="[STREAM=]POLICY",
        help=f"what goes out while nothing comes in: {', '.join(LOSS_POLICIES)} (default hold); of one stream: sensors=..., camera=...",
    )
    parser.add_argument(
        "--output",
        choices=("auto", "hybrid", "sensors", "camera"),
        default="auto",
        help="which face goes out when several come in (auto, hybrid: the camera's where it sees one, the sensors' where it does not)",
    )
    parser.add_argument("--lowest-delay", action="store_true", help="send faces 33 ms earlier, a little less exactly")
    parser.add_argument("--no-recentre", action="store_true", help="leave the head's slowly drifting yaw alone")
    parser.add_argument("--seconds", type=float, metavar="S", help="end by itself after so long")


def run(options: argparse.Namespace) -> dict[str, Any]:
    from ..server import registry
    from ..server.specs import SinkContext, SourceContext

    config = config_folder()
    try:
        sources = [registry.make_source(t, SourceContext(options.host)) for t in options.source or ["device"]]
        sinks = [registry.make_sink(text, SinkContext(config)) for text in options.sink]
    except ImportError as error:
        raise InnerfaceError(
            f"the bridge needs websockets, pyserial and python-osc, which do not load ({error}); pip install innerface"
        ) from None
    if not 0 <= options.port <= 65535:
        raise InnerfaceError(f"--port {options.port}: give one from 0 to 65535")
    return asyncio.run(_serve(options, sources, sinks, config))


def _loss_policies(texts: list[str]) -> dict[str, str]:
    """Policies by stream."""
    policies = {}
    for text in texts:
        stream, equals, policy = text.rpartition("=")
        if equals and stream not in FACE_STREAMS:
            raise InnerfaceError(f"--loss {text}: '{stream}' is none of the streams {', '.join(FACE_STREAMS)}")
        policies |= {stream: policy} if equals else dict.fromkeys(FACE_STREAMS, policy)
    return policies


def config_folder() -> Path:
    """Where what is remembered of devices and permissions lies."""
    from platformdirs import user_config_path

    base = os.environ.get("INNERFACE_CONFIG")
    return Path(base) if base else user_config_path("innerface", appauthor=False, roaming=True)


async def _serve(options: argparse.Namespace, sources: list[Any], sinks: list[Any], config: Path) -> dict[str, Any]:
    from ..core.imu import adapter
    from ..server.hub import Hub, Options
    from ..server.web.web_server import WebServer

    performer_adapter = adapter.load(options.adapter) if options.adapter else None
    hub = Hub(
        Options(
            options.layout,
            options.model,
            performer_adapter,
            False,
            _loss_policies(options.loss),
            options.output,
            True,
            not options.no_recentre,
            Path(options.folder),
            config / "sites.json",
            not options.lowest_delay,
            options.electrodes,
        )
    )
    for text in options.assign:
        sensor, _, site = text.partition("=")
        hub.commands.assign(sensor, site)
    web_server = WebServer(hub, options.host, options.port, options.token)
    stop_event = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            hub.loop.add_signal_handler(signal_number, stop_event.set)
    try:
        await web_server.start()
        if options.record:
            hub.commands.record(path=Path(options.record))
        await hub.start(sources, sinks)
        url = web_server.page_url()
        if not options.json:
            for component in (*hub.sources, *hub.outputs.sinks):
                print(f"{component.name}: {component.describe()}")
            print(f"control page: {url}", flush=True)
        if options.open:
            webbrowser.open(url)
        if sys.stdin is not None and sys.stdin.isatty():
            print(f"type {', '.join(_TYPED_COMMANDS)} and Enter; Ctrl-C ends", flush=True)
            threading.Thread(target=_read_commands, args=(hub, stop_event), daemon=True).start()
        await _show_status_until(stop_event, hub, options)
        recorded = await hub.commands.stop_recording() if hub.recording.recorder is not None else None
        summary: dict[str, Any] = hub.status() | {"link": url} | ({"recorded": recorded} if recorded else {})
    finally:
        await web_server.stop()
        await hub.stop()
    if not options.json:
        if recorded:
            dropped = f", {recorded['dropped']} dropped" if recorded["dropped"] else ""
            print(f"{recorded['path']}: {recorded['rows']} rows, {recorded['seconds']:.1f} s{dropped}")
        for note in summary["notes"]:
            print(f"note: {note}", file=sys.stderr)
    return summary


def _read_commands(hub: Any, stop_event: asyncio.Event) -> None:
    """Commands that are typed."""
    for line in sys.stdin:
        hub.loop.call_soon_threadsafe(run_typed_command, hub, stop_event, line)


def run_typed_command(hub: Any, stop_event: asyncio.Event, line: str) -> None:
    """Do what a line says; mistakes become notes."""
    command, _, rest = line.strip().partition(" ")
    try:
        match command:
            case "recentre":
                hub.commands.recentre()
            case "calibrate":
                print(f"\n{hub.commands.calibrate()}", file=sys.stderr)
            case "record":
                print(f"\n{hub.commands.record(rest)}", file=sys.stderr)
            case "stop":
                hub.commands.schedule_stop()
            case "mark":
                hub.commands.mark(rest)
            case "end":
                stop_event.set()
            case _:
                print(f"\nthere is no command '{command}'; there are {', '.join(_TYPED_COMMANDS)}", file=sys.stderr)
    except InnerfaceError as error:
        print(f"\n{error}", file=sys.stderr)


async def _show_status_until(stop_event: asyncio.Event, hub: Any, options: argparse.Namespace) -> None:
    """Show how things are until someone ends it."""
    tty, began, last_shown = sys.stderr.isatty() and not options.json, hub.now(), -1e9
    while not stop_event.is_set():
        wait_s = (
            _STATUS_INTERVAL_S
            if options.seconds is None
            else min(_STATUS_INTERVAL_S, began + options.seconds - hub.now())
        )
        if wait_s <= 0:
            break
        with suppress(TimeoutError):
            await asyncio.wait_for(stop_event.wait(), wait_s)
        if tty or hub.now() - last_shown > _LOG_INTERVAL_S:
            last_shown = hub.now()
            line = status_line(hub.status())
            print(f"\r\033[K{line}" if tty else line, end="" if tty else "\n", file=sys.stderr, flush=True)
    if tty:
        print(file=sys.stderr)


def status_line(status: dict[str, Any]) -> str:
    """The bridge in one line: streams, losses, what goes out and how late, the recording."""
    parts = []
    for s in status["streams"]:
        total = s["received"] + s["lost"]
        lost = f" {s['lost'] / total:.1%} lost" if s["lost"] and total else ""
        parts.append(
            f"{s['name'] or s['device']} "
            + (f"{s['rate_hz']:.0f} Hz{lost}" if s["state"] != "away" else f"away {s['silent_s']:.0f} s")
        )
    parts = parts or ["nothing heard yet"]
    if status["output"] != "none":
        latency = status["latency_ms"]
        parts.append(
            f"{status['output']} out {status['output_hz']:.0f} Hz, {latency['p50']:.0f}/{latency['p99']:.0f} ms, "
            f"delay audio {status['delay_ms']:.0f} ms"
        )
    elif status["calibration"] and status["streams"]:
        parts.append(status["calibration"])
    electrodes = status.get("electrodes")
    if electrodes:
        parts += [electrodes["say"]] if electrodes["say"] else []
        parts += [f"electrode {e['name']}: {e['words']}" for e in electrodes["channels"] if e["state"] == "away"]
    if status["recording"]:
        r = status["recording"]
        parts.append(
            f"REC {r['seconds']:.0f} s, {r['bytes'] / 1e6:.1f} MB" + (f"; {r['problem']}" if r["problem"] else "")
        )
    return " | ".join(parts)
