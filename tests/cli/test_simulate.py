import json

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.imu.signal import from_track

from .conftest import told


def test_simulate_writes_an_imu_take_that_reads_back(song, tmp_path, capsys):
    out = tmp_path / "t.imu.csv"
    assert main(["simulate", "imu", str(song), "--out", str(out), "--face", "bundled", "--seed", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    take = formats.read_take(out).tracks["imu"]
    assert said["sites"] == 11 and said["rows"] == len(take.time) and take.time[0] < 0
    assert main(["convert", str(out), str(tmp_path / "t.mcap")]) == 0
    assert "rows/s" in capsys.readouterr().out
    for wrong, words in (
        (["--out", "t.csv"], ".imu.csv"),
        (["--out", "t.imu.csv", "--layout", "nobody"], "default"),
        (["--out", "t.imu.csv", "--seed", "-1"], "--seed"),
        (["--out", "t.imu.csv", "--effect", "humidity=1"], "walk"),
        (["--out", "t.imu.csv", "--effect", "walk"], "walk=SIZE"),
        (["--out", "t.imu.csv", "--effect", "walk=nan"], "walk=SIZE"),
        (["--out", "t.imu.csv", "--effect", "relaxed=1:0"], "relaxed=LOW:HIGH"),
        (["--out", "t.imu.csv", "--effect", "rate_hz=0"], "20 to 1000"),
        (["--out", "t.imu.csv", "--effect", "tilt_s=0"], "0.01"),
        (["--out", "t.imu.csv", "--identity", "1", "--face", "bundled"], "--face X.npz"),
    ):
        assert words in told(capsys, "simulate", "imu", song, *wrong)


def test_any_effect_can_be_simulated_in_another_size(song, tmp_path, capsys):
    out = tmp_path / "t.imu.csv"
    more = ["--effect", "rate_hz=60", "--effect", "dead=1", "--effect", "coupling_hz=20:30", "--linear"]
    assert main(["simulate", "imu", str(song), "--out", str(out), "--face", "bundled", *more, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effects"] == more[1:6:2]
    signal = from_track(formats.read_take(out).tracks["imu"])
    assert np.median(np.diff(signal.time)) == pytest.approx(1 / 60, rel=0.01) and signal.linear
    assert np.isnan(signal.rotation[..., 0]).all(axis=0).sum() == 1


def test_a_board_measures_and_fuses_by_its_data_sheet(song, tmp_path, capsys):
    pytest.importorskip("vqf", reason="vqf is an extra (fusion) that is not installed")
    out = tmp_path / "t.imu.csv"
    command = ["simulate", "imu", str(song), "--out", str(out), "--face", "bundled", "--seed", "3"]
    assert main([*command, "--board", "icm45686", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["board"] == "icm45686"
    signal = from_track(formats.read_take(out).tracks["imu"])
    assert np.median(np.diff(signal.time)) == pytest.approx(0.01, rel=0.01) and len(signal.sites) == 11
    assert main(["infer", str(out), "--out", str(tmp_path / "w.csv")]) == 0
    capsys.readouterr()
    assert "--board" in told(capsys, "simulate", "bio", song, "--out", tmp_path / "t.bio.csv", "--board", "icm45686")


def test_another_identity_is_another_face(song, data, tmp_path):
    takes = []
    for n in (1, 1, 2):
        out = tmp_path / "t.imu.csv"
        ict = ["--face", str(data / "ict_facekit.npz"), "--identity", str(n)]
        assert main(["simulate", "imu", str(song), "--out", str(out), "--clean", *ict]) == 0
        takes.append(from_track(formats.read_take(out).tracks["imu"]).acceleration)
    assert np.array_equal(takes[0], takes[1]) and np.abs(takes[0] - takes[2]).max() > 0.05
