"""Of several tracks of one kind one is used, the others are named, and any can be asked for."""

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.flame.flame_track import build_flame_track
from innerface.core.landmarks import points
from innerface.core.pipeline import to_weights_take
from innerface.core.take import Take, Track
from innerface.core.take.choice import choose_track, keep_track

T = 130


def track(kind, value, rows=T):
    time = np.arange(rows) / 60
    if kind == "weights":
        return Track(kind, time, ("jawOpen", "mouthSmileLeft"), np.full((rows, 2), value))
    if kind == "biosignal":
        return Track(kind, time / 4, ("lower", "front"), np.full((rows, 2), value), {"unit": "uV", "rate_hz": "240"})
    if kind == "landmarks":
        return Track(kind, time, points.COLUMNS, np.full((rows, 106), value))
    if kind == "imu":
        columns = tuple(f"aux.{part}" for part in ("qw", "qx", "qy", "qz", "ax", "ay", "az"))
        return Track(kind, time, columns, np.tile([1.0, 0, 0, 0, 0, 9.8, value], (rows, 1)))
    parts = {name: np.full((rows, n), value) for name, n in (("expression", 5), ("jaw", 3), ("eyes", 6), ("neck", 3))}
    return build_flame_track(time, **parts, shape=np.zeros(4))


def two(path, kind):
    tracks = {f"{kind} A": track(kind, 0.25), f"{kind} B": track(kind, 0.5)}
    formats.write_take(Take("t", tracks), path)
    return path


OUTPUTS = {
    "weights": ("o.csv", "o.json", "plain.csv"),
    "biosignal": ("o.bio.csv",),
    "landmarks": ("o.landmarks.csv",),
    "flame": ("o.flame.npz",),
    "imu": ("o.imu.csv",),
}


def first_value(take, kind):
    found = next(iter(take.tracks_of(kind).values()))
    return found.column("jawOpen")[0] if kind == "weights" else found.values[0, -1 if kind == "imu" else 0]


@pytest.mark.parametrize(("kind", "out"), [(kind, out) for kind, outs in OUTPUTS.items() for out in outs])
def test_a_file_for_one_track_says_which_of_two_was_written(tmp_path, capsys, kind, out):
    source = two(tmp_path / "two.mcap", kind)
    extra = ["--format", "plain"] if out.startswith("plain") else []
    assert main(["convert", str(source), str(tmp_path / out), *extra]) == 0
    said = capsys.readouterr().err
    assert f"of 2, {kind} A was written and {kind} B not; .mcap holds them all" in said
    assert "where one is needed" not in said
    assert first_value(formats.read_take(tmp_path / out), kind) == 0.25
    assert main(["convert", str(source), str(tmp_path / out), *extra, "--track", f"{kind} B"]) == 0
    assert f"{kind} A" not in capsys.readouterr().err
    assert first_value(formats.read_take(tmp_path / out), kind) == 0.5


@pytest.mark.parametrize("kind", [kind for kind in OUTPUTS if kind != "imu"])
def test_whoever_reads_a_take_of_two_tracks_is_told_which_one_is_used(tmp_path, kind):
    take = formats.read_take(two(tmp_path / "two.mcap", kind))
    assert any(f"{kind} A is used and {kind} B not" in note for note in take.notes)
    if kind == "weights":
        assert any("weights A is used" in note for note in to_weights_take(take).notes)
    kept = keep_track(take, f"{kind} B")
    assert list(kept.tracks) == [f"{kind} B"]
    assert not any("is used" in note for note in kept.notes)


def test_native_files_keep_all_tracks(tmp_path):
    take = formats.read_take(two(tmp_path / "two.mcap", "weights"))
    formats.write_take(take, tmp_path / "copy.mcap")
    assert list(formats.read_take(tmp_path / "copy.mcap").tracks) == ["weights A", "weights B"]


def test_a_track_without_a_face_is_not_preferred_and_the_longest_biosignal_is(tmp_path):
    lost = track("weights", np.nan)
    take = Take("t", {"weights A": lost, "weights B": track("weights", 0.5)})
    assert choose_track(take, "weights") == "weights B"
    assert take.weights().values[0, 0] == 0.5
    take = Take("t", {"biosignal": track("biosignal", 1, 50), "biosignal ear": track("biosignal", 2)})
    assert choose_track(take, "biosignal") == "biosignal ear"
    formats.write_take(take, tmp_path / "o.bio.csv")
    assert first_value(formats.read_take(tmp_path / "o.bio.csv"), "biosignal") == 2


def test_a_track_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    take = formats.read_take(two(tmp_path / "two.mcap", "weights"))
    with pytest.raises(InnerfaceError, match=r"no track weights C; it has weights A, weights B"):
        keep_track(take, "weights C")


def test_commands_that_compare_takes_say_which_track_they_used(tmp_path, capsys):
    source = two(tmp_path / "two.mcap", "weights")
    formats.write_take(Take("t", {"weights": track("weights", 0.25)}), tmp_path / "truth.csv")
    assert main(["evaluate", "--pred", str(source), "--truth", str(tmp_path / "truth.csv"), "--face", "bundled"]) == 0
    assert "weights A is used and weights B not" in capsys.readouterr().err
