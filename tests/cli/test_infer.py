import json
import sys

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.face.channels import ARKIT
from innerface.core.take import Take, Track

from .conftest import outputs, told


def test_infer_writes_60_rows_a_second_with_timecode_of_the_take(sensors, tmp_path, capsys):
    imu, song = sensors
    out = tmp_path / "w.csv"
    assert main(["infer", str(imu), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    source, track = formats.read_take(imu).tracks["imu"], formats.read_take(out).weights()
    assert said["rows"] == len(track.time) == int((source.time[-1] - source.time[0]) * 60 + 1e-6) + 1
    assert track.time[0] == pytest.approx(source.time[0], abs=1e-4) and track.time[0] < 0
    assert {"neutral", "turn", "quality", "renamed", "notes"} <= set(said) and len(said["quality"]) == 10
    assert main(["evaluate", "--pred", str(out), "--truth", str(song), "--face", "bundled", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["matched_by"] == "timecode" and figures["pve_mm"]["mean"] < figures["neutral"]["pve_mm"]["mean"]


def test_infer_takes_every_flag_of_the_contract(sensors, tmp_path, capsys):
    imu, _ = sensors
    out = tmp_path / "w.csv"
    flags = [
        "--neutral",
        "0.5:3.5",
        "--turn",
        "4:8.4",
        "--causal",
        "--raw",
        "--model",
        "linear",
        "--minute",
        "cheekPuff=buccinator_left@25:27",
    ]
    assert main(["infer", str(imu), "--out", str(out), *flags[:-2]]) == 0
    assert "x real time" in capsys.readouterr().out
    assert main(["infer", str(imu), "--out", str(out), "--model", "models/linear.npz"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["infer", "IMU", "--out", "w.csv", "--neutral", "5"], ["--neutral", "START:END"]),
        (["infer", "IMU", "--out", "w.csv", "--neutral", "5:2"], ["--neutral", "after the start"]),
        (["infer", "IMU", "--out", "w.csv", "--neutral", "0:999"], ["--neutral", "only"]),
        (["infer", "IMU", "--out", "w.csv", "--turn", "999:1000"], ["--turn", "only"]),
        (["infer", "IMU", "--out", "w.csv", "--model", "none.npz"], ["none.npz", "no such file"]),
        (["infer", "IMU", "--out", "w.csv", "--model", "net.onnx"], ["net.onnx", "no such file"]),
        (["infer", "IMU", "--out", "w.csv", "--smooth", "mouth"], ["--smooth mouth", "GROUP=STRENGTH"]),
        (["infer", "IMU", "--out", "w.csv", "--smooth", "ear=1"], ["ear=1", "eye_left"]),
        (["infer", "IMU", "--out", "w.csv", "--steps", "0"], ["--steps", "1 to 1000"]),
        (["infer", "IMU", "--out", "w.csv", "--adapter", "none.npz"], ["none.npz", "no such file"]),
        (["infer", "IMU", "--out", "w.csv", "--adapter", "SONG"], ["not a model"]),
        (["adapt", "--imu", "IMU", "--arkit", "SONG", "--out", "p.csv"], ["p.csv", ".npz"]),
        (["adapt", "--imu", "SONG", "--arkit", "SONG", "--out", "p.npz"], ["no IMU track"]),
        (["adapt", "--imu", "IMU", "--arkit", "IMU", "--out", "p.npz"], ["no blendshape weights"]),
        (["adapt", "--imu", "IMU", "--arkit", "none.csv", "--out", "p.npz"], ["none.csv"]),
        (["train", "imu", "--out", "m.npz"], ["m.npz", ".onnx"]),
        (["train", "imu", "--out", "m.onnx", "--minutes", "0"], ["--minutes"]),
        (["train", "imu", "--out", "m.onnx", "--finetune"], ["--imu", "--arkit"]),
        (["train", "imu", "--out", "m.onnx", "--live", "--kind", "paper"], ["--live"]),
        (["bench", "keying", "--soak"], ["--soak", "infer"]),
        (["infer", "IMU", "--out", "w.csv", "--model", "SONG"], ["not a model"]),
        (["infer", "IMU", "--out", "w.csv", "--layout", "nobody"], ["nobody", "default"]),
        (["infer", "IMU", "--out", "w.csv", "--minute", "cheekPuff"], ["--site-drive", "CHANNEL=SITE@START:END"]),
        (["infer", "IMU", "--out", "w.csv", "--minute", "smirk=oculi_left@20:21"], ["smirk", "52"]),
        (["infer", "SONG", "--out", "w.csv"], ["no IMU track"]),
        (["infer", "IMU", "--out", "w.xyz"], [".xyz"]),
        (["align", "IMU", "NONE.csv"], ["NONE.csv"]),
        (["check", "SONG"], ["no IMU track"]),
        (["check", "IMU", "--smile", "900:901"], ["smile", "900"]),
        (["train", "linear", "--out", "m.npz", "--examples", "0"], ["--examples"]),
    ],
)
def test_every_mistake_with_sensors_ends_in_one_line_and_leaves_nothing(
    sensors, tmp_path, capsys, monkeypatch, arguments, words
):
    imu, song = sensors
    monkeypatch.chdir(tmp_path)
    line = told(capsys, *[a.replace("IMU", str(imu)).replace("SONG", str(song)) for a in arguments])
    for word in words:
        assert word in line
    assert outputs(tmp_path) == []


def test_unobserved_channels_are_named_and_the_take_has_their_confidence(sensors, tmp_path, capsys):
    imu, _ = sensors
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.mcap"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    tracks = formats.read_take(tmp_path / "w.mcap").tracks
    assert tracks["confidence"].kind == "confidence" and len(tracks["confidence"].time) == said["rows"]
    assert "eyeLookInLeft" in said["invented"] and "jawOpen" not in said["invented"]
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), "--steps", "4"]) == 0
    captured = capsys.readouterr()
    assert (
        "not observed by any sensor, filled in by the model: " in captured.out
        and "4 steps change nothing" in captured.err
    )


@pytest.mark.parametrize("clock", ["same", "other"])
def test_an_adapter_learned_from_a_paired_take_makes_the_performer_better_live_and_offline(
    sensors, tmp_path, capsys, clock
):
    imu, song = sensors
    camera, more = song, []
    if clock == "other":
        take = formats.read_take(song)
        take.weights().time += 777.0
        camera, more = tmp_path / "camera.csv", ["--align"]
        formats.write_take(take, camera)
    p = tmp_path / "p.npz"
    assert main(["adapt", "--imu", str(imu), "--arkit", str(camera), "--out", str(p), *more, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (
        {"paired_s", "seconds", "mse"} <= set(said) and set(said["mse"]) == {"offline", "live"} and said["seconds"] < 60
    )
    for live in ([], ["--causal"]):
        errors = []
        for adapter in ([], ["--adapter", str(p)]):
            assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), *live, *adapter]) == 0
            capsys.readouterr()
            assert (
                main(
                    ["evaluate", "--pred", str(tmp_path / "w.csv"), "--truth", str(song), "--face", "bundled", "--json"]
                )
                == 0
            )
            errors.append(json.loads(capsys.readouterr().out)["pve_mm"]["mean"])
        assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize("live", [False, True])
def test_a_second_of_the_relaxed_face_makes_an_unknown_performer_better(sensors, tmp_path, capsys, live):
    imu, song = sensors
    track = formats.read_take(song).weights()
    values = track.select(ARKIT)
    calmest = values[values.sum(axis=1).argmin()]
    rest = Track("weights", np.arange(60) / 60, ARKIT, np.repeat(calmest[None], 60, axis=0))
    formats.write_take(Take("rest", {"weights": rest}), tmp_path / "rest.csv")
    errors = []
    for known in ([], ["--rest", str(tmp_path / "rest.csv")]):
        flags = [*(["--causal"] if live else []), *known]
        assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), *flags]) == 0
        text = "".join(capsys.readouterr())
        assert ("the relaxed face is that of rest.csv, 0.0 to 1.0 s" in text) == bool(known)
        found = formats.read_take(tmp_path / "w.csv").weights()
        relaxed = (found.time > -11) & (found.time < -9)
        steady = [k for k, c in enumerate(ARKIT) if not c.startswith(("eyeLook", "eyeBlink"))]
        errors.append(np.abs(found.select(ARKIT)[relaxed] - calmest)[:, steady].mean())
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("content", ["", "time,jawOpen\n", "not a take\n"])
def test_a_relaxed_face_that_cannot_be_read_is_one_line(sensors, tmp_path, capsys, content):
    (tmp_path / "rest.csv").write_text(content)
    text = told(capsys, "infer", sensors[0], "--out", tmp_path / "w.csv", "--rest", tmp_path / "rest.csv")
    assert "rest.csv" in text and not (tmp_path / "w.csv").exists()


def test_an_adapter_of_another_model_is_one_line(sensors, tmp_path, capsys):
    imu, song = sensors
    p = tmp_path / "p.npz"
    assert main(["adapt", "--imu", str(imu), "--arkit", str(song), "--out", str(p), "--model", "linear"]) == 0
    capsys.readouterr()
    assert "another model" in told(capsys, "infer", imu, "--out", tmp_path / "w.csv", "--adapter", p)
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), "--adapter", str(p), "--model", "linear"]) == 0


def test_training_a_network_without_torch_is_one_line(tmp_path, capsys, monkeypatch):
    for name in [m for m in sys.modules if m.startswith("innerface.models.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    line = told(capsys, "train", "imu", "--out", tmp_path / "m.onnx")
    assert "torch" in line and "pip install 'innerface[train]'" in line and outputs(tmp_path) == []


@pytest.mark.parametrize("file", ["diffusion", "paper"])
def test_a_diffusion_network_refines_its_answer_in_steps(sensors, tmp_path, file):
    imu, _ = sensors
    results = []
    for steps in ("1", "3"):
        path = ["--model", f"models/ablation/{file}.onnx", "--steps", steps]
        assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), *path]) == 0
        results.append(formats.read_take(tmp_path / "w.csv").weights().values)
    assert 1e-3 < np.abs(results[0] - results[1])[:, :52].max() <= 1


def test_sensors_and_camera_of_different_times_cannot_be_paired(sensors, tmp_path, capsys):
    imu, song = sensors
    take = formats.read_take(song)
    take.weights().time += 777.0
    formats.write_take(take, tmp_path / "late.csv")
    assert "--align" in told(
        capsys, "adapt", "--imu", imu, "--arkit", tmp_path / "late.csv", "--out", tmp_path / "p.npz"
    )
    assert not (tmp_path / "p.npz").exists()


def test_check_reports_every_site(sensors, capsys):
    imu, _ = sensors
    assert main(["check", str(imu)]) == 0
    text = capsys.readouterr().out
    assert "buccinator_left" in text and "placement was not checked" in text
    assert main(["check", str(imu), "--jaw", "15:16", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["quality"]) == 10 and isinstance(said["places"], list)


def test_train_linear_writes_a_model_that_infers(sensors, tmp_path, capsys):
    imu, _ = sensors
    model = tmp_path / "m.npz"
    assert main(["train", "linear", "--out", str(model), "--examples", "2", "--generated-only", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "2 simulated takes" in said["card"]["data"] and "real" not in said["card"]["data"]
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), "--model", str(model)]) == 0


def test_electrodes_become_60_rows_a_second_with_timecode_of_the_take(worn, electrodes_network, tmp_path, capsys):
    bio, song = worn
    out = tmp_path / "w.csv"
    assert main(["infer", str(bio), "--out", str(out), "--electrodes", str(electrodes_network), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    source, track = formats.read_take(bio).tracks["biosignal"], formats.read_take(out).weights()
    assert said["rows"] == len(track.time) == pytest.approx(
        source.duration * 60, abs=3
    ) and track.rate == pytest.approx(60, rel=1e-3)
    assert track.time[0] == pytest.approx(source.time[0], abs=1e-3)
    assert (
        said["from"] == "electrodes"
        and [q["channel"] for q in said["quality"]] == ["lower", "front"]
        and said["x_realtime"] > 1
    )
    assert main(["evaluate", "--pred", str(out), "--truth", str(song), "--face", "bundled", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["matched_by"] == "timecode"


def test_model_means_the_same_for_electrodes_and_live_and_raw_are_other_faces(
    worn, electrodes_network, tmp_path, capsys
):
    bio, _ = worn
    faces = []
    for flags in (
        ["--electrodes", str(electrodes_network)],
        ["--model", str(electrodes_network)],
        ["--model", str(electrodes_network), "--causal"],
        ["--model", str(electrodes_network), "--raw"],
    ):
        assert main(["infer", str(bio), "--out", str(tmp_path / "w.csv"), *flags]) == 0
        faces.append(formats.read_take(tmp_path / "w.csv").weights().values)
    assert "x real time" in capsys.readouterr().out
    assert (
        np.array_equal(faces[0], faces[1])
        and not np.allclose(faces[0], faces[2])
        and not np.allclose(faces[0], faces[3])
    )


def test_a_take_of_both_is_fused_if_the_performers_network_is_given(
    worn, sensors, electrodes_network, tmp_path, capsys
):
    take = formats.read_take(sensors[0])
    bio = formats.read_take(worn[0]).tracks["biosignal"]
    take.tracks["biosignal"] = bio
    bio.time += take.tracks["imu"].time[0] - bio.time[0]
    formats.write_take(take, tmp_path / "both.mcap")
    said, faces = [], []
    for flags in ([], ["--electrodes", str(electrodes_network)]):
        assert main(["infer", str(tmp_path / "both.mcap"), "--out", str(tmp_path / "w.csv"), "--json", *flags]) == 0
        said.append(json.loads(capsys.readouterr().out))
        faces.append(formats.read_take(tmp_path / "w.csv").weights().values)
    assert any("--electrodes" in n for n in said[0]["notes"]) and "electrodes" not in said[0]
    assert (
        {"neutral", "turn", "quality", "renamed", "invented"} <= set(said[1])
        and len(said[1]["electrodes"]) == 2
        and not np.allclose(*faces)
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["infer", "BIO", "--out", "w.csv", "--neutral", "0:3"], ["--neutral", "has only electrodes"]),
        (["infer", "BIO", "--out", "w.csv", "--smooth", "mouth=1"], ["--smooth", "has only electrodes"]),
        (["infer", "BIO", "--out", "w.csv", "--model", "a.onnx", "--electrodes", "a.onnx"], ["are the same"]),
        (["infer", "BIO", "--out", "w.csv", "--electrodes", "none.onnx"], ["none.onnx", "no such file"]),
        (["infer", "BIO", "--out", "w.csv", "--model", "linear"], ["linear"]),
        (["infer", "IMU", "--out", "w.csv", "--electrodes", "none.onnx"], ["has no electrodes"]),
    ],
)
def test_every_mistake_with_electrodes_ends_in_one_line_and_leaves_nothing(
    worn, sensors, tmp_path, capsys, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    line = told(capsys, *[a.replace("BIO", str(worn[0])).replace("IMU", str(sensors[0])) for a in arguments])
    for word in words:
        assert word in line
    assert outputs(tmp_path) == []


def test_check_reports_the_quality_of_every_electrode(worn, tmp_path, capsys):
    assert main(["check", str(worn[0])]) == 0
    assert "front" in capsys.readouterr().out
    take = formats.read_take(worn[0])
    take.tracks["biosignal"].values[:, 1] = 0.0
    formats.write_take(take, tmp_path / "flat.bio.csv")
    assert main(["check", str(tmp_path / "flat.bio.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["quality"]) == 2 and len(said["words"]) == 1 and "electrode front: no signal" in said["words"][0]
