import json

import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.performance import demo_performance

from .conftest import outputs, told


def test_convert_writes_what_it_read(song, tmp_path, capsys):
    assert main(["convert", str(song), str(tmp_path / "t.mcap")]) == 0
    assert main(["convert", str(tmp_path / "t.mcap"), str(tmp_path / "back.csv"), "--json"]) == 0
    assert (tmp_path / "back.csv").read_bytes() == song.read_bytes()
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["rows"] == len(demo_performance(1).weights().time)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["convert", "NONE.csv", "OUT.csv"], ["NONE.csv", "no such file"]),
        (["convert", ".", "OUT.csv"], ["folder"]),
        (["convert", "SONG", "OUT.abc"], [".abc", ".mcap"]),
        (["convert", "SONG"], ["OUT", "--help"]),
        (["fly"], ["fly"]),
        (["convert", "SONG", "OUT.csv", "--object", "Head"], ["--object", ".blend"]),
        (["align", "SONG", "NONE.wav"], ["no audio to compare"]),
        (["key", "SONG", "--out", "OUT.fbx"], ["OUT.fbx", ".blend"]),
        (["key", "SONG", "--out", "OUT.blend", "--fps", "fast"], ["fast", "frame rate"]),
        (["key", "SONG", "--out", "OUT.blend", "--fps", "0"], ["frame rate"]),
        (["key", "SONG", "--out", "OUT.blend", "--tolerance", "0"], ["tolerance"]),
        (["key", "SONG", "--out", "OUT.blend", "--object", "Head"], ["--character"]),
        (["key", "SONG", "--out", "OUT.blend", "--character", "NONE.blend"], ["NONE.blend", "no such file"]),
        (["key", "SONG", "--out", "OUT.blend", "--character", "SONG"], ["cannot open"]),
        (["key", "NONE.csv", "--out", "OUT.blend"], ["NONE.csv"]),
        (["key", "SONG", "--out", "SONG/OUT.blend"], ["cannot write"]),
        (["demo", "--take", "NONE.csv", "--out", "demo"], ["NONE.csv"]),
        (["demo", "--fps", "fast", "--out", "demo"], ["frame rate"]),
        (["demo", "--seed", "-1", "--out", "demo"], ["--seed"]),
        (["key", "SONG", "--out", "new/OUT.blend", "--character", "NONE.blend"], ["NONE.blend"]),
        (["bench", "nothing"], ["keying"]),
    ],
)
def test_every_mistake_ends_in_one_line_and_leaves_nothing(song, tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    before = outputs(tmp_path)
    line = told(capsys, *[a.replace("SONG", "song.csv") for a in arguments])
    for word in words:
        assert word in line
    assert outputs(tmp_path) == before


def test_evaluate_prints_the_contracts_keys_beside_both_dead_baselines(song, tmp_path, capsys):
    assert main(["evaluate", "--pred", str(song), "--truth", str(song), "--face", "bundled", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    for where in (said, said["neutral"], said["mean_face"]):
        for name in ("mse", "pve_mm", "pve_lmk_mm"):
            assert set(where[name]) == {"median", "mean", "std"}
    assert said["pve_mm"]["mean"] < 1e-3 < said["mean_face"]["pve_mm"]["mean"] < said["neutral"]["pve_mm"]["mean"] * 2
    assert main(["evaluate", "--pred", str(song), "--truth", str(song), "--face", "bundled"]) == 0
    text = capsys.readouterr().out
    assert "neutral" in text and "mean face" in text and "front of the bundled head" in text
    assert "NONE.npz" in told(capsys, "evaluate", "--pred", song, "--truth", song, "--face", "NONE.npz")


def test_a_take_in_its_folder_is_converted_from_the_calibrated_file(tmp_path, capsys):
    folder = tmp_path / "shoot"
    folder.mkdir()
    formats.write_take(demo_performance(1), folder / "a.csv")
    formats.write_take(demo_performance(2), folder / "a_cal.csv")
    assert main(["convert", str(folder), str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (
        folder / "a_cal.csv"
    ).read_bytes() and "a_cal.csv" in capsys.readouterr().err
