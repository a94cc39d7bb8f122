"""Receive devices, show and record their data, and send the face to other programs.

Without --source it listens for Innerface devices on this computer; `--source virtual` is a simulated performer to try
everything with. The address of the control page is printed, and opened by --open. With --host, other computers of the
network can connect if they know the token, which is in that address. Ctrl-C ends it.
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
from typing import TYPE_CHECKING, Any

from ..core.errors import InnerfaceError
from ..core.pipeline import FACE_STREAMS, LOSS_POLICIES
from ..core.printable import one_line

if TYPE_CHECKING:
    from ..server.hub import Hub
    from ..server.interfaces import Sink, Source
    from ..server.status import HubStatus

_STATUS_INTERVAL_S, _LOG_INTERVAL_S = 1.0, 10.0
_TYPED_COMMANDS = (
    "recentre",
    "calibrate",
    "record [name]",
    "stop",
    "mark [text]",
    "retry [sink]",
    "allow DEVICE [ADDRESS]",
    "end",
)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Adds all kinds of sources and sinks, which are looked up only when the help is shown."""

    def format_help(self) -> str:
        from ..server import registry

        return f"{super().format_help()}\n{registry.usage()}"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = _HelpFormatter
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="KIND[:ARGS]",
        help="where data come from, see below; repeatable",
    )
    parser.add_argument(
        "--sink", action="append", default=[], metavar="KIND[:ARGS]", help="where faces go, see below; repeatable"
    )
    parser.add_argument("--record", metavar="FILE.mcap", help="record from the start")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDR",
        help="address to listen on (default 127.0.0.1: this computer only)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=7646,
        metavar="N",
        help="port of the control page and WebSocket (default 7646; 0: any)",
    )
    parser.add_argument(
        "--token",
        default="",
        metavar="T",
        help="token that every client must know, at least 16 characters with --host; without it, one is made that "
        "clients of this user on this computer do not need",
    )
    parser.add_argument("--open", action="store_true", help="open the control page")
    parser.add_argument(
        "--folder",
        default=".",
        metavar="DIR",
        help="folder of takes that are started on the control page (default: the current one)",
    )
    parser.add_argument(
        "--layout", default="default", metavar="L", help="sites of the sensors: a shipped layout or a .json file"
    )
    parser.add_argument(
        "--assign",
        action="append",
        default=[],
        metavar="DEVICE/SENSOR=SITE",
        help="site of a sensor; remembered",
    )
    parser.add_argument(
        "--allow-new",
        action="store_true",
        help="use devices of the network that were never here; else each is allowed once, on the control page or by "
        "typing allow DEVICE",
    )
    parser.add_argument(
        "--model", metavar="M", help="a network that does not look ahead (.onnx), linear, or a linear model's .npz"
    )
    parser.add_argument("--adapter", metavar="P.npz", help="adapter of this performer, by innerface adapt")
    parser.add_argument(
        "--rest",
        metavar="REST",
        help="a take of weights with this performer's relaxed face (default: as a camera sees it while calibrating)",
    )
    parser.add_argument(
        "--electrodes",
        metavar="M.onnx",
        help="the performer's electrode network, by innerface train bio; simulated: the shipped one of a simulated "
        "performer",
    )
    parser.add_argument(
        "--loss",
        action="append",
        default=[],
        metavar="[STREAM=]POLICY",
        help=f"output while no data arrive: {', '.join(LOSS_POLICIES)} (default hold); for one stream: sensors=..., "
        "camera=...",
    )
    parser.add_argument(
        "--output",
        choices=("auto", "hybrid", "sensors", "camera"),
        default="auto",
        help="source of the face if there are several (auto, hybrid: the camera where it sees the face, else the "
        "sensors)",
    )
    parser.add_argument(
        "--lowest-delay", action="store_true", help="send faces 33 ms earlier, slightly less accurately"
    )
    parser.add_argument("--no-recentre", action="store_true", help="do not correct the slow drift of the head's yaw")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds")


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
    return asyncio.run(_serve(options, sources, sinks, config=config))


def _loss_policies(texts: list[str]) -> dict[str, str]:
    """Parse [STREAM=]POLICY; return policies by stream. Raises InnerfaceError."""
    policies: dict[str, str] = {}
    for text in texts:
        stream, equals, policy = text.rpartition("=")
        if equals and stream not in FACE_STREAMS:
            raise InnerfaceError(f"--loss {text}: '{stream}' is none of the streams {', '.join(FACE_STREAMS)}")
        policies |= {stream: policy} if equals else dict.fromkeys(FACE_STREAMS, policy)
    return policies


def config_folder() -> Path:
    """Return the folder of settings, such as sites of sensors and permissions."""
    from platformdirs import user_config_path

    base = os.environ.get("INNERFACE_CONFIG")
    name = "Innerface" if sys.platform in ("darwin", "win32") else "innerface"
    return Path(base) if base else user_config_path(name, appauthor=False, roaming=True)


async def _serve(
    options: argparse.Namespace, sources: list[Source], sinks: list[Sink], *, config: Path
) -> dict[str, Any]:
    from ..core.pipeline.performer_files import load_adapter
    from ..server.hub import Hub, Options
    from ..server.web.web_server import WebServer

    performer_adapter, rest_notes = load_adapter(options.adapter or "", options.rest or "")
    hub = Hub(
        Options(
            layout=options.layout,
            model=options.model,
            adapter=performer_adapter,
            loss=_loss_policies(options.loss),
            output=options.output,
            recentre=not options.no_recentre,
            folder=Path(options.folder),
            sites=config / "sites.json",
            devices=config / "devices.json",
            allow_new=options.allow_new,
            lookahead=not options.lowest_delay,
            electrodes=options.electrodes,
            arguments=tuple(options.source or ["device"]),
        )
    )
    for text in rest_notes:
        hub.note(text)
    for text in options.assign:
        sensor, _, site = text.partition("=")
        hub.commands.assign(sensor, site)
    web_server = WebServer(hub, options.host, options.port, token=options.token)
    stop_event = asyncio.Event()
    _end_by_signals(hub.loop, stop_event)
    try:
        await web_server.start()
        await hub.start(sources, sinks, Path(options.record) if options.record else None)
        url = web_server.page_url()
        if not options.json:
            for component in (*hub.sources, *hub.outputs.sinks):
                print(one_line(f"{component.name}: {component.describe()}"))
            print(f"control page: {url}", flush=True)
        if options.open:
            webbrowser.open(web_server.local_page_url())
        if sys.stdin is not None and sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison]
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
        for note in hub.notes:  # also of what was closed meanwhile
            print(f"note: {one_line(note)}", file=sys.stderr)
    return summary


def _end_by_signals(loop: asyncio.AbstractEventLoop, stop_event: asyncio.Event) -> None:
    """Set the event by Ctrl-C, by `kill`, and when the terminal window is closed or, on Windows, by Ctrl-Break."""

    def on_signal(_number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(stop_event.set)

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):  # started by nohup
            continue
        try:
            loop.add_signal_handler(number, stop_event.set)
        except NotImplementedError:  # Windows' event loops take no signal handlers
            signal.signal(number, on_signal)


def _read_commands(hub: Hub, stop_event: asyncio.Event) -> None:
    """Run the commands that the user types."""
    for line in sys.stdin:
        hub.loop.call_soon_threadsafe(run_typed_command, hub, stop_event, line)


def run_typed_command(hub: Hub, stop_event: asyncio.Event, line: str) -> None:
    """Run a typed command; errors are printed."""
    command, _, rest = line.strip().partition(" ")
    try:
        match command:
            case "recentre":
                hub.commands.recentre()
            case "calibrate":
                print(f"\n{hub.commands.calibrate()}", file=sys.stderr)
            case "record":
                print(f"\n{one_line(str(hub.commands.record(rest)))}", file=sys.stderr)
            case "stop":
                hub.commands.schedule_stop()
            case "mark":
                hub.commands.mark(rest)
            case "retry":
                hub.commands.retry(rest)
            case "allow":
                device, _, address = rest.partition(" ")
                hub.commands.allow(device, address.strip())
            case "end":
                stop_event.set()
            case _:
                print(f"\nno command '{command}'; the commands are {', '.join(_TYPED_COMMANDS)}", file=sys.stderr)
    except InnerfaceError as error:
        print(f"\n{error}", file=sys.stderr)


async def _show_status_until(stop_event: asyncio.Event, hub: Hub, options: argparse.Namespace) -> None:
    """Print the status until the event is set or the time is up."""
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
            line = status_line(hub.status_report())
            print(f"\r\033[K{line}" if tty else line, end="" if tty else "\n", file=sys.stderr, flush=True)
    if tty:
        print(file=sys.stderr)


def status_line(status: HubStatus) -> str:
    """Return the status in one line: streams, losses, output and its latency, outputs in trouble, recording."""
    from ..server.status import describe_dropped

    parts: list[str] = []
    for s in status.streams:
        total = s.received + s.lost
        lost = f" {s.lost / total:.1%} lost" if s.lost and total else ""
        parts.append(
            f"{s.name or s.device} "
            + (f"{s.rate_hz:.0f} Hz{lost}" if s.state != "away" else f"away {s.silent_s:.0f} s")
            + (f" ({s.problem})" if s.problem else "")
        )
    parts += [f"{w.device} from {w.address} is new: allow it" for w in status.waiting[:1]]
    parts += [f"{s.name}: {s.problem}" for s in status.sources if s.problem and s.state == "away"]
    parts = parts or ["nothing received yet"]
    parts += [f"{s.name} left out: {describe_dropped(s.dropped)}" for s in status.sources if s.dropped]
    if status.dropped:
        parts.append(f"left out: {describe_dropped(status.dropped)}")
    if status.output != "none":
        parts.append(
            f"{status.output} out {status.output_hz:.0f} Hz, "
            f"{status.latency_ms.p50:.0f}/{status.latency_ms.p99:.0f} ms, delay audio {status.delay_ms:.0f} ms"
        )
    elif status.calibration_message and status.streams:
        parts.append(status.calibration_message)
    for sink in status.sinks:
        if sink.state != "ok":
            parts.append(f"{sink.name} {sink.state}: {sink.problem}" + (" (type retry)" if sink.can_retry else ""))
    board = status.electrodes
    if board is not None:
        parts += [board.message] if board.message else []
        parts += [f"electrode {e.name}: {e.message}" for e in board.channels if e.state == "away"]
    recording = status.recording
    if recording is not None:
        problem = f"; {recording.problem}" if recording.problem else ""
        parts.append(f"REC {recording.seconds:.0f} s, {recording.bytes / 1e6:.1f} MB{problem}")
    return one_line(" | ".join(parts))
