"""A pipe or a device in the place of a file is refused in one line; nothing waits for it."""

import os
import signal

import pytest
from innerface.cli import main

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", "PIPE.csv", "out.mcap"],
        ["convert", "PIPE.mcap", "out.csv"],
        ["convert", "PIPE.blend", "out.csv"],
        ["convert", "SONG", "PIPE.csv"],
        ["recover", "PIPE.mcap", "out.mcap"],
        ["infer", "PIPE.imu.csv", "--out", "out.csv"],
        ["infer", "IMU", "--out", "out.csv", "--adapter", "PIPE.npz"],
        ["infer", "IMU", "--out", "out.csv", "--model", "PIPE.onnx"],
        ["infer", "IMU", "--out", "out.csv", "--model", "PIPE.npz"],
        ["infer", "IMU", "--out", "out.csv", "--layout", "PIPE.json"],
        ["landmarks", "PIPE.csv", "--out", "out.landmarks.csv"],
        ["landmarks", "SONG", "--out", "out.landmarks.csv", "--face", "PIPE.npz"],
        ["flame-fit", "PIPE.landmarks.csv", "--flame", "stand-in", "--out", "out.flame.npz"],
        ["key", "PIPE.csv", "--out", "out.blend"],
        ["key", "SONG", "--out", "out.blend", "--character", "PIPE.blend"],
        ["hybrid", "--arkit", "SONG", "--with", "PIPE.csv", "--out", "out.csv"],
        ["serve", "--source", "file:PIPE.mcap", "--port", "0", "--seconds", "1"],
        ["serve", "--source", "virtual:PIPE.csv", "--port", "0", "--seconds", "1"],
        ["evaluate", "--pred", "SONG", "--truth", "PIPE.csv"],
    ],
    ids=" ".join,
)
def test_a_pipe_is_refused_by_every_command(arguments, sensors, tmp_path, capsys, monkeypatch):
    imu, song = sensors
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INNERFACE_CONFIG", str(tmp_path / "config"))
    for argument in arguments:
        if "PIPE" in argument:
            os.mkfifo(argument.partition(":")[2] or argument)
    arguments = [{"IMU": str(imu), "SONG": str(song)}.get(a, a) for a in arguments]
    signal.alarm(60)  # ends the test where something waits for the pipe
    try:
        assert main(arguments) == 2
    finally:
        signal.alarm(0)
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert "PIPE" in told and "not a file" in told
