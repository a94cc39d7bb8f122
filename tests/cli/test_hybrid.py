"""`innerface hybrid`: repaired takes keep the camera's rows; errors are one line and write nothing."""

import json

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.face.channels import ARKIT, GROUPS, LIVE_LINK_FACE
from innerface.core.hybrid import occlusion_simulation
from innerface.core.hybrid.ranges import sample_mask
from innerface.core.take import Take

from .conftest import outputs, told


@pytest.fixture(scope="module")
def shot(data, tmp_path_factory):
    """A folder with a real take, the same behind a microphone, and simulated sensors; and the ranges."""
    folder = tmp_path_factory.mktemp("hybrid")
    truth = formats.read_take(data / "arkit" / "alex_rom_3.csv")
    hurt = occlusion_simulation.occlude(truth.weights(), ("microphone",), 0.2, rng=np.random.default_rng(1))
    formats.write_take(truth, folder / "truth.csv")
    formats.write_take(Take("cam", {"weights": hurt.track}), folder / "cam.csv")
    assert main(["simulate", "imu", str(folder / "truth.csv"), "--out", str(folder / "s.imu.csv"), "--seed", "2"]) == 0
    return folder, hurt


def error(path, hurt):
    hidden = sample_mask(hurt.ranges, hurt.truth.time)
    return float(((formats.read_take(path).weights().select(ARKIT) - hurt.truth.select(ARKIT))[hidden] ** 2).mean())


def given(hurt):
    return [x for r in hurt.ranges for x in ("--occluded", f"{r.start:.4f}:{r.end:.4f}:{r.group}")]


def test_sensors_repair_given_ranges_better_than_plain_substitution(shot, tmp_path, capsys):
    folder, hurt = shot
    common = ["hybrid", "--arkit", str(folder / "cam.csv"), "--imu", str(folder / "s.imu.csv"), *given(hurt)]
    assert main([*common, "--out", str(tmp_path / "h.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert main([*common, "--out", str(tmp_path / "p.csv"), "--plain"]) == 0
    repaired, plain, camera = (
        error(tmp_path / "h.csv", hurt),
        error(tmp_path / "p.csv", hurt),
        error(folder / "cam.csv", hurt),
    )
    assert repaired <= 0.0025 and repaired <= 0.5 * plain and repaired <= 0.2 * camera
    assert abs(said["alignment"]["offset_s"]) < 0.01 and said["alignment"]["method"] == "motion"
    assert (
        len(said["ranges"]) == len(hurt.ranges) and said["changed"] == sample_mask(hurt.ranges, hurt.truth.time).sum()
    )


def test_rows_timecodes_columns_and_every_trusted_character_stay(shot, tmp_path):
    folder, hurt = shot
    out = tmp_path / "h.csv"
    assert main(["hybrid", "--arkit", str(folder / "cam.csv"), "--out", str(out), *given(hurt)]) == 0
    before, after = (p.read_text().splitlines() for p in (folder / "cam.csv", out))
    assert len(before) == len(after) and before[0] == after[0]
    hidden = sample_mask(hurt.ranges, hurt.truth.time)
    names = [c.lower() for c in before[0].split(",")]
    for k, (a, b) in enumerate(zip(before[1:], after[1:])):
        a, b = a.split(","), b.split(",")
        assert a[:2] == b[:2] and len(b) == 63
        for c in LIVE_LINK_FACE:
            at = names.index(c.lower())
            if c not in ARKIT or not hidden[k, ARKIT.index(c)]:
                assert a[at] == b[at]


def test_detect_finds_the_microphone_by_itself(shot, tmp_path, capsys):
    folder, hurt = shot
    out = tmp_path / "h.csv"
    assert (
        main(
            [
                "hybrid",
                "--arkit",
                str(folder / "cam.csv"),
                "--imu",
                str(folder / "s.imu.csv"),
                "--out",
                str(out),
                "--detect",
                "--json",
            ]
        )
        == 0
    )
    said = json.loads(capsys.readouterr().out)
    assert all(r["reason"] and 0 < r["confidence"] <= 1 for r in said["ranges"])
    assert (
        sum(r["group"] == "mouth" for r in said["ranges"]) == len(hurt.ranges)
        and sum(r["group"] != "mouth" for r in said["ranges"]) <= 2
    )
    assert error(out, hurt) < 0.25 * error(folder / "cam.csv", hurt)


def test_any_other_take_helps_and_none_at_all_as_well(shot, tmp_path):
    folder, hurt = shot
    take = formats.read_take(folder / "truth.csv")
    track = take.weights()
    track.values, track.time = np.clip(track.values * 0.7 + 0.05, 0, 1), track.time + 4.0
    formats.write_take(Take("phone", {"weights": track}), tmp_path / "phone.mcap")
    errors = []
    for k, helping in enumerate((["--with", str(tmp_path / "phone.mcap")], [])):
        assert (
            main(
                [
                    "hybrid",
                    "--arkit",
                    str(folder / "cam.csv"),
                    *helping,
                    "--out",
                    str(tmp_path / f"{k}.csv"),
                    *given(hurt),
                ]
            )
            == 0
        )
        errors.append(error(tmp_path / f"{k}.csv", hurt))
    assert errors[0] < 0.25 * errors[1] and errors[1] < 0.7 * error(folder / "cam.csv", hurt)


def test_an_untouched_take_comes_back_byte_for_byte(shot, tmp_path, capsys):
    folder, _ = shot
    assert main(["hybrid", "--arkit", str(folder / "truth.csv"), "--out", str(tmp_path / "o.csv")]) == 0
    assert (tmp_path / "o.csv").read_bytes() == (folder / "truth.csv").read_bytes()
    assert "nothing is hidden" in capsys.readouterr().out


def test_rows_in_which_the_face_was_lost_get_one(data, tmp_path):
    out = tmp_path / "o.csv"
    assert main(["hybrid", "--arkit", str(data / "arkit" / "apfel.csv"), "--out", str(out)]) == 0
    before, after = formats.read_take(data / "arkit" / "apfel.csv").weights(), formats.read_take(out).weights()
    assert before.lost_rows().sum() == 35 and not after.lost_rows().any() and np.array_equal(before.time, after.time)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--occluded", "10:5"], "end must come after"),
        (["--occluded", "500:600"], "outside"),
        (["--occluded", "1:2:lips"], "no group"),
        (["--occluded", "x"], "START:END"),
        (["--plain"], "--imu or --with"),
        (["--offset", "1"], "--imu or --with"),
        (["--occluded", "0:1000"], "outside"),
        (["--imu", "{cam}"], "not an IMU take"),
        (["--with", "{gone}"], "no such file"),
        (["--with", "{other}"], "do not match"),
        (["--with", "{other}", "--offset", "9000"], "overlap"),
        (["--adapter", "p.npz"], "--imu"),
    ],
)
def test_mistakes_end_in_one_line_and_write_nothing(shot, tmp_path, capsys, data, arguments, word):
    folder, _ = shot
    paths = {"cam": folder / "cam.csv", "gone": tmp_path / "gone.csv", "other": data / "arkit" / "alex_rom_4.csv"}
    arguments = [a.format(**paths) for a in arguments]
    assert word in told(capsys, "hybrid", "--arkit", folder / "cam.csv", "--out", tmp_path / "o.csv", *arguments)
    assert outputs(tmp_path) == []


def test_a_take_without_a_trusted_row_is_refused(shot, tmp_path, capsys):
    folder, _ = shot
    take = formats.read_take(folder / "truth.csv")
    length = take.weights().duration
    line = told(
        capsys, "hybrid", "--arkit", folder / "truth.csv", "--out", tmp_path / "o.csv", "--occluded", f"0:{length:.3f}"
    )
    assert "can be trusted" in line and outputs(tmp_path) == []
    take.weights().values[:] = take.weights().values[100]
    formats.write_take(take, tmp_path / "frozen.csv")
    assert "can be trusted" in told(capsys, "hybrid", "--arkit", tmp_path / "frozen.csv", "--out", tmp_path / "o.csv")
    assert outputs(tmp_path) == ["frozen.csv"]


def test_the_camera_file_is_never_overwritten(shot, capsys):
    folder, _ = shot
    before = (folder / "cam.csv").read_bytes()
    assert "is the camera take" in told(capsys, "hybrid", "--arkit", folder / "cam.csv", "--out", folder / "cam.csv")
    assert (folder / "cam.csv").read_bytes() == before


def test_a_recording_of_both_is_repaired_by_its_sensors(shot, tmp_path, capsys):
    folder, hurt = shot
    camera, sensors = formats.read_take(folder / "cam.csv"), formats.read_take(folder / "s.imu.csv")
    formats.write_take(Take("both", {**camera.tracks, **sensors.tracks}), tmp_path / "both.mcap")
    both = str(tmp_path / "both.mcap")
    assert (
        main(["hybrid", "--arkit", both, "--imu", both, "--out", str(tmp_path / "o.csv"), *given(hurt), "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["alignment"]["offset_s"] == 0.0
    assert error(tmp_path / "o.csv", hurt) < 0.2 * error(folder / "cam.csv", hurt)


@pytest.mark.blender
def test_the_sound_beside_the_take_is_listened_to(shot, tmp_path, capsys):
    import wave

    folder, hurt = shot
    truth = formats.read_take(folder / "truth.csv").weights()
    rate = 16000
    at = np.arange(int(truth.duration * rate)) / rate
    loud = np.interp(at, truth.time - truth.time[0], truth.column("jawOpen"))
    sound = loud * np.sin(2 * np.pi * 200 * at) + 0.2 * loud * np.random.default_rng(0).normal(size=len(at))
    (tmp_path / "cam.csv").write_bytes((folder / "cam.csv").read_bytes())
    arguments = ["hybrid", "--arkit", str(tmp_path / "cam.csv"), "--out", str(tmp_path / "o.csv"), *given(hurt)]
    errors = []
    jaw, hidden = ARKIT.index("jawOpen"), sample_mask(hurt.ranges, hurt.truth.time)[:, ARKIT.index("jawOpen")]
    for _ in range(2):
        assert main(arguments) == 0
        wrong = formats.read_take(tmp_path / "o.csv").weights().select(ARKIT)[:, jaw] - hurt.truth.select(ARKIT)[:, jaw]
        errors.append(float((wrong[hidden] ** 2).mean()))
        with wave.open(str(tmp_path / "cam.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes((sound / np.abs(sound).max() * 30000).astype("<i2").tobytes())
    assert errors[1] < 0.7 * errors[0]


def test_hidden_brows_and_eyes_are_separate_groups(shot, tmp_path):
    folder, _ = shot
    assert (
        main(
            [
                "hybrid",
                "--arkit",
                str(folder / "truth.csv"),
                "--out",
                str(tmp_path / "o.csv"),
                "--occluded",
                "3:5:brow",
                "--occluded",
                "8:9:eye_left",
            ]
        )
        == 0
    )
    before, after = (formats.read_take(p).weights() for p in (folder / "truth.csv", tmp_path / "o.csv"))
    changed = {c for c in ARKIT if not np.array_equal(before.column(c), after.column(c))}
    assert (
        changed <= set(GROUPS["brow"]) | set(GROUPS["eye_left"])
        and changed & set(GROUPS["brow"])
        and changed & set(GROUPS["eye_left"])
    )
