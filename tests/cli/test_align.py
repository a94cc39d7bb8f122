import json

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.performance import demo_performance

from .conftest import told


def test_align_prints_the_contracts_keys(sensors, capsys):
    imu, song = sensors
    assert main(["align", str(song), str(imu), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"offset_s", "drift_ppm", "confidence", "method"} <= set(said)
    assert (
        abs(said["offset_s"] + said["drift_ppm"] * 1e-5) < 0.008
        and said["method"] == "motion"
        and said["confidence"] > 0.5
    )
    assert np.allclose(said["taps"]["b"], [-2.6, -2.2, -1.8], atol=0.02)


def test_timecode_is_used_only_if_the_motion_agrees(tmp_path, capsys):
    take = demo_performance(3)
    formats.write_take(take, tmp_path / "a.csv")
    track = take.weights()
    track.values[:, 10] *= 0.9  # another camera
    formats.write_take(take, tmp_path / "b.csv")
    assert main(["align", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--json"]) == 0
    assert (said := json.loads(capsys.readouterr().out))["method"] == "timecode" and said["offset_s"] == 0.0
    track.time += 0.2
    formats.write_take(take, tmp_path / "b.csv")
    assert main(["align", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--json"]) == 0
    assert (said := json.loads(capsys.readouterr().out))["method"] == "motion" and abs(said["offset_s"] + 0.2) < 0.005


@pytest.mark.blender
def test_a_take_is_aligned_to_a_song_by_its_audio(tmp_path, capsys):
    import wave

    rng, rate = np.random.default_rng(0), 16000
    song, at = np.zeros(20 * rate), 0.0
    while at < 19:
        t, begin = np.arange(rate // 4) / rate, int(at * rate)
        song[begin : begin + len(t)] += (
            np.sin(2 * np.pi * rng.uniform(100, 400) * t) + rng.normal(0, 0.5, len(t))
        ) * np.exp(-8 * t)
        at += rng.uniform(0.2, 0.7)
    formats.write_take(demo_performance(1), tmp_path / "a.csv")
    start = demo_performance(1).weights().time[0]
    for name, piece in (("song.wav", song), ("a.wav", song[int(4.2 * rate) : int(16.2 * rate)])):
        with wave.open(str(tmp_path / name), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes((piece / np.abs(song).max() * 30000).astype("<i2").tobytes())
    assert main(["align", str(tmp_path / "a.csv"), str(tmp_path / "song.wav"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (
        said["method"] == "sound"
        and said["offset_s"] == pytest.approx(start - 4.2, abs=0.005)
        and said["confidence"] >= 0.8
    )


def test_electrodes_and_a_camera_are_aligned_in_either_order(worn, tmp_path, capsys):
    bio, song = worn
    take = formats.read_take(song)
    take.weights().time += 100.0
    formats.write_take(take, tmp_path / "late.mcap")
    assert (
        main(
            [
                "landmarks",
                str(tmp_path / "late.mcap"),
                "--out",
                str(tmp_path / "late.landmarks.csv"),
                "--face",
                "bundled",
            ]
        )
        == 0
    )
    for camera in ("late.mcap", "late.landmarks.csv"):
        for pair, offset in (([str(tmp_path / camera), str(bio)], 100.0), ([str(bio), str(tmp_path / camera)], -100.0)):
            capsys.readouterr()
            assert main(["align", *pair, "--json"]) == 0
            said = json.loads(capsys.readouterr().out)
            assert set(said) == {"offset_s", "drift_ppm", "confidence", "method", "correlation"}
            assert (
                said["offset_s"] == pytest.approx(offset, abs=0.05)
                and said["method"] == "eyes"
                and said["confidence"] > 0.5
            )
    assert main(["align", str(bio), str(tmp_path / "late.mcap")]) == 0
    assert "s after" in (said := capsys.readouterr().out) and float(
        said.split("begins ")[1].split()[0]
    ) == pytest.approx(6.0, abs=0.05)


def test_two_takes_of_electrodes_and_takes_of_two_performances_are_refused(worn, song, capsys):
    bio, _ = worn
    assert "align each with the camera" in told(capsys, "align", bio, bio)
    assert "do not match" in told(capsys, "align", song, bio)


def test_face_imus_are_aligned_with_electrodes_by_muscles_alone(tmp_path, capsys):
    from innerface.core.performance.generate import generate
    from innerface.core.take import Take

    formats.write_take(Take("long", {"weights": generate(120, np.random.default_rng(3))}), tmp_path / "long.csv")
    assert (
        main(["simulate", "imu", str(tmp_path / "long.csv"), "--out", str(tmp_path / "t.imu.csv"), "--face", "bundled"])
        == 0
    )
    assert main(["simulate", "bio", str(tmp_path / "long.csv"), "--out", str(tmp_path / "t.bio.csv")]) == 0
    capsys.readouterr()
    assert main(["align", str(tmp_path / "t.imu.csv"), str(tmp_path / "t.bio.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["method"] == "muscles" and abs(said["offset_s"]) < 0.15 and said["confidence"] <= 0.5
