"""`innerface flame-fit`: landmarks in, FLAME parameters out; errors are one line and write nothing."""

import json
import os
import pickle

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.flame import embedding, fit, stand_in
from innerface.core.flame.flame_track import arrays_of
from innerface.core.landmarks.points import landmark_track
from innerface.core.take import Take

from .conftest import outputs, told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model's file and landmarks of a performance on it, with a gap."""
    out = tmp_path_factory.mktemp("flame")
    model = stand_in.make_stand_in()
    stand_in.write_model(out / "face.npz", model)
    truth = stand_in.make_performance(model, 90, 1)
    points = fit.points_of_pose(model, embedding.load_embedding(model), **truth)
    points[40:45] = np.nan
    formats.write_take(Take("l", {"landmarks": landmark_track(np.arange(90) / 60, points)}), out / "l.landmarks.csv")
    np.save(out / "jaw.npy", truth["jaw"])
    return out


def test_landmarks_become_flame_with_a_small_residual(folder, tmp_path, capsys):
    out = tmp_path / "f.flame.npz"
    assert (
        main(
            [
                "flame-fit",
                str(folder / "l.landmarks.csv"),
                "--flame",
                str(folder / "face.npz"),
                "--out",
                str(out),
                "--json",
            ]
        )
        == 0
    )
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert said["residual_percent"]["mean"] < 0.5 and said["rows"] == 90 and said["residual_percent"]["p95"] < 0.5
    assert any("5 of 90 rows" in note for note in said["notes"]) and any("geometry" in note for note in said["notes"])
    data = arrays_of(formats.read_take(out).tracks["flame"])
    assert data["expression"].shape == (90, 100) and data["shape"].shape == (300,)
    assert np.corrcoef(data["jaw"][:, 0], np.load(folder / "jaw.npy")[:, 0])[0, 1] > 0.9


def test_the_stand_in_gives_a_note_and_an_earlier_identity_is_kept(folder, tmp_path, capsys):
    first, second, third = (str(tmp_path / f"{k}.flame.npz") for k in range(3))
    common = ["flame-fit", str(folder / "l.landmarks.csv"), "--flame", "stand-in"]
    assert main([*common, "--out", first]) == 0
    captured = capsys.readouterr()
    assert "stand-in, not FLAME" in captured.err and "frames/s" in captured.out and "% of interocular" in captured.out
    assert main([*common, "--out", second, "--shape-from", first]) == 0
    assert main([*common, "--out", third, "--shape-from", str(folder / "l.landmarks.csv")]) == 0
    shapes = [arrays_of(formats.read_take(p).tracks["flame"])["shape"] for p in (first, second, third)]
    np.testing.assert_array_equal(shapes[0], shapes[1])
    np.testing.assert_allclose(shapes[0], shapes[2], atol=1e-9)


def test_mistakes_end_in_one_line_and_write_nothing(folder, tmp_path, capsys, song):
    marks, face, out = folder / "l.landmarks.csv", folder / "face.npz", tmp_path / "o" / "f.flame.npz"
    assert "no landmarks" in told(capsys, "flame-fit", song, "--flame", face, "--out", out)
    assert "no such file" in told(capsys, "flame-fit", marks, "--flame", tmp_path / "none.pkl", "--out", out)
    assert "neither an .npz nor a pickle" in told(capsys, "flame-fit", marks, "--flame", marks, "--out", out)
    assert ".flame.npz" in told(capsys, "flame-fit", marks, "--flame", face, "--out", tmp_path / "f.csv")
    assert "another file" in told(
        capsys,
        "flame-fit",
        marks,
        "--flame",
        face.rename(folder / "face.flame.npz"),
        "--out",
        folder / "face.flame.npz",
    )
    (folder / "face.flame.npz").rename(face)
    assert "landmark embedding" in told(capsys, "flame-fit", marks, "--flame", face, "--embedding", face, "--out", out)
    assert outputs(tmp_path) == ["song.csv"]


class Attack:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_a_malicious_model_is_not_executed(folder, tmp_path, capsys):
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"f": Attack(tmp_path / "ran")}))
    assert "refused" in told(
        capsys,
        "flame-fit",
        folder / "l.landmarks.csv",
        "--flame",
        tmp_path / "m.pkl",
        "--out",
        tmp_path / "f.flame.npz",
    )
    assert outputs(tmp_path) == ["m.pkl"]
