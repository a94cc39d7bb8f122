"""`innerface serve` as a process."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from innerface.cli import main
from innerface.cli.serve import run_typed_command, status_line
from innerface.core import formats
from innerface.server.hub import Hub, Options
from innerface.server.status import ComponentStatus, HubStatus, LatencyStatus, RecordingStatus, StreamStatus


def serve(folder, *arguments, **more):
    env = {**os.environ, "INNERFACE_CONFIG": str(folder / "config")}
    command = [sys.executable, "-m", "innerface", "serve", "--port", "0", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=folder, **more
    )


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or sys.platform == "win32", reason="signals of this kind are POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_it_ends_cleanly_and_the_recording_is_whole(tmp_path, name):
    process = serve(tmp_path, "--source", "virtual,rate=50", "--record", "take.mcap")
    assert process.stdout is not None
    lines = [process.stdout.readline(), process.stdout.readline()]
    time.sleep(1.5)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=15)
    assert process.returncode == 0 and "Traceback" not in err
    assert "simulated performer" in lines[0] and re.search(r"http://127.0.0.1:\d+/", lines[1]) and "take.mcap" in out
    take = formats.read_take(tmp_path / "take.mcap")
    assert not take.notes and len(take.tracks["imu"].time) > 40


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of this kind are POSIX")
def test_a_closed_terminal_does_not_end_what_nohup_started(tmp_path):
    process = serve(tmp_path, "--source", "virtual", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert process.stdout is not None and process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    assert process.communicate(timeout=15) and process.returncode == 0


def test_its_json_is_one_object(tmp_path):
    process = serve(
        tmp_path, "--source", "virtual", "--sink", "csv:none.csv", "--seconds", "1.5", "--record", "t.mcap", "--json"
    )
    out, err = process.communicate(timeout=20)
    result = json.loads(out)
    assert (
        process.returncode == 0
        and result["recorded"]["rows"] > 80
        and result["streams"][0]["name"] == "virtual device (simulated)"
    )
    assert not (tmp_path / "none.csv").exists(), "no face came out, so there is nothing to keep"
    assert "Hz" in err or err == ""


def test_electrodes_and_the_performers_network_drive_a_face(tmp_path, electrodes_network):
    process = serve(
        tmp_path,
        "--source",
        "virtual-bio",
        "--electrodes",
        str(electrodes_network),
        "--sink",
        "csv:face.csv",
        "--seconds",
        "4",
        "--json",
    )
    result = json.loads(process.communicate(timeout=40)[0])
    assert (
        process.returncode == 0
        and result["output"] == "electrodes"
        and result["electrodes"]["live"]
        and result["lookahead_ms"] == 120
    )
    assert len(formats.read_take(tmp_path / "face.csv").weights().time) > 60


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (["--source", "nothing"], "give one of"),
        (["--sink", "nothing"], "give one of"),
        (["--loss", "forget"], "hold, fade, gap"),
        (["--loss", "phone=hold"], "none of the streams"),
        (["--host", "0.0.0.0", "--token", "too short"], "at least 16 characters"),
        (["--port", "99999"], "from 0 to 65535"),
        (["--source", "file:missing.mcap"], "no such file"),
        (["--assign", "7a3f/1=nose"], "has aux"),
        (["--layout", "missing"], "neither a shipped one"),
        (["--model", "missing.onnx"], "no such file"),
        (["--source", "serial:/dev/ttyNOTHERE"], "known ports"),
        (["--record", "/proc/none/x.mcap"], "cannot be written"),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, capsys, monkeypatch, arguments, result):
    monkeypatch.setenv("INNERFACE_CONFIG", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert (
        main(
            ["serve", "--port", "0", "--seconds", "0.2", *arguments]
            if "--port" not in arguments
            else ["serve", *arguments]
        )
        == 2
    )
    err = capsys.readouterr().err.strip().splitlines()
    assert result in err[-1] and len([line for line in err if line.startswith("innerface:")]) == 1


def test_the_status_line_has_streams_losses_output_and_recording():
    stream = StreamStatus("device", "7a3f", "left half", "imu", rate_hz=99.7, received=990, lost=10)
    status = HubStatus(
        streams=[stream],
        output="sensors",
        output_hz=60.0,
        latency_ms=LatencyStatus(8.0, 12.0),
        delay_ms=52.0,
        recording=RecordingStatus("t.mcap", 12.0, rows=900, bytes=1_500_000, dropped=0, problem="", marks=0),
    )
    assert (
        status_line(status)
        == "left half 100 Hz 1.0% lost | sensors out 60 Hz, 8/12 ms, delay audio 52 ms | REC 12 s, 1.5 MB"
    )
    assert "away 3 s" in status_line(replace(status, streams=[replace(stream, state="away", silent_s=3.0)]))
    assert status_line(HubStatus()) == "nothing received yet"


def test_the_status_line_says_why_nothing_comes_and_what_is_left_out():
    source = ComponentStatus("livelinkface", "at UDP 11111", "away", "packets of another kind come")
    line = status_line(HubStatus(sources=[source], dropped={"out_of_room": 3}))
    assert line == "livelinkface: packets of another kind come | left out: 3 out of room"


def test_the_status_line_names_an_output_in_trouble_and_how_to_try_again():
    denied = ComponentStatus("vts", "ws://127.0.0.1:8001", "failed", "permission was denied", can_retry=True)
    assert "vts failed: permission was denied (type retry)" in status_line(HubStatus(sinks=[denied]))


def test_typed_commands_record_and_end(tmp_path, capsys):
    async def work():
        hub, ending = Hub(Options(folder=tmp_path, model="linear")), asyncio.Event()
        for line in ("record typed take\n", "mark here\n", "recentre\n", "calibrate\n", "dance\n", "stop\n"):
            run_typed_command(hub, ending, line)
        await hub.commands.finish()
        run_typed_command(hub, ending, "end\n")
        return hub.recording.mark_count, ending.is_set()

    assert asyncio.run(work()) == (1, True) and (tmp_path / "typed take.mcap").exists()
    err = capsys.readouterr().err
    assert "connect one first" in err and "no command 'dance'" in err
