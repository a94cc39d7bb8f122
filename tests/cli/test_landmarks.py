"""Electrodes and landmarks on the command line: simulate bio, landmarks, evaluate."""

import json

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.bio.simulation.simulate import LEAD_IN_S
from innerface.core.landmarks import points

from .conftest import told


@pytest.fixture(scope="module")
def worn(tmp_path_factory):
    """A posed take of the shipped network's performer: electrodes and weights."""
    folder = tmp_path_factory.mktemp("worn")
    bio, weights = folder / "t.bio.csv", folder / "w.csv"
    assert main(["simulate", "bio", "posed:40:7", "--seed", "0", "--out", str(bio), "--weights-out", str(weights)]) == 0
    return bio, weights


def test_simulate_bio_marks_its_take_and_keeps_the_performances_clock(worn, capsys):
    bio, weights = worn
    take = formats.read_take(bio).tracks["biosignal"]
    truth = formats.read_take(weights).weights()
    assert take.columns == ("lower", "front") and take.rate == pytest.approx(1000)
    assert take.time[0] == pytest.approx(truth.time[0] - LEAD_IN_S)
    again = bio.with_name("again.mcap")
    assert main(["simulate", "bio", str(weights), "--out", str(again), "--preset", "cyton"]) == 0
    assert "simulated 2 electrodes" in capsys.readouterr().out
    assert formats.read_take(again).tracks["biosignal"].rate == pytest.approx(250)


def test_from_electrodes_to_landmarks_and_their_figures_beside_faces_that_never_move(worn, tmp_path, capsys):
    bio, weights = worn
    pred, truth = tmp_path / "p.landmarks.csv", tmp_path / "t.landmarks.csv"
    assert main(["landmarks", str(bio), "--out", str(pred), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["from"] == "electrodes" and [e["channel"] for e in said["electrodes"]] == ["lower", "front"]
    assert any("simulated performer" in n for n in said["notes"])
    assert main(["landmarks", str(weights), "--face", "bundled", "--out", str(truth)]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--pred", str(pred), "--truth", str(truth), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {"mae_mm", "nme_percent", "share_under_2_66mm"} <= set(figures)
    assert figures["mae_mm"] < 0.8 * min(figures["mean_face"]["mae_mm"], figures["rest_face"]["mae_mm"])
    assert figures["nme_percent"] == pytest.approx(100 * figures["mae_mm"] / figures["interocular_mm"])
    assert main(["evaluate", "--pred", str(pred), "--truth", str(weights), "--face", "bundled"]) == 0
    text = capsys.readouterr().out
    assert "MAE mm" in text and "rest face" in text and "pupils" in text


def test_causal_is_less_smooth_than_a_recording_and_raw_least(worn, tmp_path, capsys):
    shake = []
    for k, flags in enumerate(([], ["--causal"], ["--raw"])):
        out = tmp_path / f"{k}.landmarks.csv"
        assert main(["landmarks", str(worn[0]), "--out", str(out), *flags]) == 0
        shake.append(np.abs(np.diff(formats.read_take(out).tracks["landmarks"].values, n=2, axis=0)).mean())
    assert shake[0] < shake[1] < shake[2]


def test_a_trackers_table_comes_into_the_common_space(tmp_path, capsys):
    rng = np.random.default_rng(0)
    from innerface.core.face.face_model import load_bundled
    from innerface.core.landmarks.camera import point_model
    from innerface.core.performance.pose_sequence import pose_sequence

    own = point_model(load_bundled()).points(pose_sequence(10, 1).values)[:, :51]
    picture = own * [120, -120] + 300 + rng.normal(0, 30, (len(own), 1, 2))
    jaw = np.zeros((len(own), 17, 2))
    table = np.concatenate(
        [np.arange(len(own))[:, None] / 30, np.concatenate([jaw, picture], axis=1).reshape(len(own), -1)], axis=1
    )
    header = "time," + ",".join(f"{a}{k}" for k in range(68) for a in "xy")
    (tmp_path / "tracker.csv").write_text(
        header + "\n" + "\n".join(",".join(f"{v:.3f}" for v in row) for row in table) + "\n"
    )
    out = tmp_path / "l.landmarks.csv"
    assert main(["landmarks", str(tmp_path / "tracker.csv"), "--out", str(out)]) == 0
    done = points.points_of(formats.read_take(out).tracks["landmarks"])
    assert np.abs(done[:, :51] - own).mean() < 0.03


def test_mistakes_end_in_one_line(worn, tmp_path, capsys):
    bio, weights = worn
    out = tmp_path / "x.landmarks.csv"
    for arguments, words in (
        (["landmarks", bio, "--out", tmp_path / "x.csv"], ".landmarks.csv"),
        (["landmarks", weights, "--model", "m.onnx", "--out", out], "the take has none"),
        (["landmarks", bio, "--model", tmp_path / "none.onnx", "--out", out], "none.onnx"),
        (["simulate", "bio", weights, "--out", tmp_path / "x.imu.csv"], ".bio.csv"),
        (["simulate", "bio", "posed:5", "--out", tmp_path / "x.bio.csv"], "10 to 7200"),
        (["simulate", "bio", "posed:ten", "--out", tmp_path / "x.bio.csv"], "posed:SECONDS"),
        (["simulate", "bio", weights, "--out", tmp_path / "x.bio.csv", "--identity", "1"], "--identity"),
        (["simulate", "bio", weights, "--out", tmp_path / "x.bio.csv", "--effect", "rate_hz=20"], "60 to 8000"),
        (["simulate", "bio", weights, "--out", tmp_path / "x.bio.csv", "--effect", "sweat=1"], "no such effect"),
        (["simulate", "bio", weights, "--out", tmp_path / "x.bio.csv", "--weights-out", tmp_path / "w.csv"], "posed"),
        (["simulate", "imu", weights, "--out", tmp_path / "x.imu.csv", "--preset", "cyton"], "electrodes"),
        (["train", "bio", "--out", tmp_path / "m.onnx"], "--bio TAKE"),
        (
            ["train", "bio", "--bio", bio, "--arkit", weights, "--landmarks", weights, "--out", tmp_path / "m.onnx"],
            "either",
        ),
        (["train", "bio", "--bio", bio, "--arkit", weights, "--out", tmp_path / "m.npz"], ".onnx"),
        (
            ["train", "bio", "--bio", bio, "--arkit", weights, "--out", tmp_path / "m.onnx", "--minutes", "0"],
            "--minutes",
        ),
    ):
        assert words in told(capsys, *arguments), arguments
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".csv"]
