"""Videos on the command line: tracked, and wherever a face is wanted."""

import json

import numpy as np
import pytest
from innerface.camera import face_model as the_model
from innerface.cli import main
from innerface.core import formats
from innerface.core.face.channels import ARKIT
from innerface.core.imu.layout import load_layout
from innerface.core.imu.simulation.effects import PRESETS
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.performance import demo_performance
from innerface.core.take import Take, TrackKind

pytest.importorskip("av", reason="PyAV is an extra (camera) that is not installed")


@pytest.fixture(scope="module")
def clip(data, tmp_path_factory):
    from innerface.camera.video import VideoFile

    from tests.camera.conftest import write_video

    rows = [p for t, p in VideoFile(data / "video" / "d9.mp4") if t < 2.0]
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", rows, np.arange(len(rows)) / 30)


def run(capsys, *arguments):
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["w.csv", "t.mcap", "l.landmarks.csv"])
def test_a_video_becomes_a_take_of_each_kind(capsys, tmp_path, clip, face_model, name):
    said = run(capsys, "track", clip, "--face-model", face_model, "--out", tmp_path / name)
    assert said["rows"] == 60 and said["lost_rows"] == 0 and abs(said["rate"] - 30) < 0.1 and said["track_fps"] > 0
    take = formats.read_take(tmp_path / name)
    assert take.kinds >= ({TrackKind.LANDMARKS} if name.startswith("l") else {TrackKind.WEIGHTS})
    if name == "t.mcap":
        assert take.weights().meta["video"] == str(clip.resolve()) and take.kinds == {"weights", "landmarks"}


def test_a_wrong_suffix_is_refused_before_anything_is_tracked(capsys, tmp_path, clip):
    assert main(["track", str(clip), "--out", str(tmp_path / "w.xyz")]) == 2
    assert "w.xyz" in capsys.readouterr().err


def test_without_the_model_the_way_to_it_is_said_in_one_line(capsys, tmp_path, clip, monkeypatch):
    monkeypatch.setattr(the_model, "default_path", lambda: tmp_path / "nowhere" / the_model.NAME)
    assert main(["track", str(clip), "--out", str(tmp_path / "w.csv")]) == 2
    err = capsys.readouterr().err
    assert "innerface fetch face-model" in err and err.strip().count("\n") == 0 and not (tmp_path / "w.csv").exists()


def test_a_video_tells_inference_how_the_face_rests(capsys, tmp_path, clip, face_model):
    track = demo_performance(2).weights()
    from innerface.core.face.face_model import load_bundled

    take = simulate(track, load_bundled(), load_layout(), effects=PRESETS["studio"], seed=2)
    formats.write_take(take, tmp_path / "s.imu.csv")
    cold, told = tmp_path / "cold.csv", tmp_path / "told.csv"
    run(capsys, "infer", tmp_path / "s.imu.csv", "--out", cold)
    assert (
        main(
            [
                "infer",
                str(tmp_path / "s.imu.csv"),
                "--rest",
                str(clip),
                "--face-model",
                str(face_model),
                "--out",
                str(told),
            ]
        )
        == 0
    )
    assert "the relaxed face is that of clip" in capsys.readouterr().err
    a, b = (formats.read_take(p).weights().select(ARKIT) for p in (cold, told))
    assert np.abs(a - b).mean() > 0.005


def test_an_adapter_is_fitted_to_a_video(capsys, tmp_path, data, face_model):
    """Sensors simulated on what the tracker saw in the video, so that both are of one performance."""
    from innerface.camera.track_video import track_video
    from innerface.camera.tracker import MediaPipeTracker
    from innerface.core.face.face_model import load_bundled

    video = data / "video" / "d9.mp4"
    with MediaPipeTracker(face_model) as tracker:
        seen = track_video(video, tracker).weights()
    imu = simulate(seen, load_bundled(), load_layout(), effects=PRESETS["studio"], seed=5)
    formats.write_take(Take("s", imu.tracks), tmp_path / "s.imu.csv")
    said = run(
        capsys,
        "adapt",
        "--imu",
        tmp_path / "s.imu.csv",
        "--video",
        video,
        "--face-model",
        face_model,
        "--out",
        tmp_path / "p.npz",
    )
    assert said["paired_s"] > 15 and said["mse"]["offline"]["after"] < 0.7 * said["mse"]["offline"]["before"]


def test_fetch_asks_and_takes_no_for_an_answer(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "n")
    monkeypatch.setattr(the_model.urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked nobody"))
    assert main(["fetch", "face-model", "--out", str(tmp_path / the_model.NAME)]) == 2
    told = capsys.readouterr()
    assert the_model.ADDRESS in told.out and the_model.LICENCE in told.out and the_model.SHA256 in told.out
    assert list(tmp_path.iterdir()) == []


def test_fetch_leaves_a_file_that_is_there(capsys, tmp_path, face_model):
    assert run(capsys, "fetch", "face-model", "--out", face_model) == {"out": str(face_model), "fetched": False}
