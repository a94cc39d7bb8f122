import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled
from innerface.core.hybrid import occlusion_simulation, repair, voice
from innerface.core.hybrid.helper_alignment import align_helper
from innerface.core.hybrid.ranges import Occlusion, sample_mask
from innerface.core.imu.layout import load_layout
from innerface.core.imu.simulation.effects import PRESETS
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.performance.generate import generate
from innerface.core.take import Take, Track
from innerface.core.take.audio import RATE


def test_sensors_on_another_clock_repair_a_hidden_mouth(data):
    camera = formats.read_take(data / "arkit" / "alex_rom_3.csv").weights()
    occluded = occlusion_simulation.occlude(camera, ("microphone",), 0.2, rng=np.random.default_rng(6))
    hidden, truth = sample_mask(occluded.ranges, camera.time), camera.select(ARKIT)
    imu = simulate(camera, load_bundled(), load_layout(), effects=PRESETS["studio"], seed=4)
    late = Take("imu", {n: Track(t.kind, t.time + 12.25, t.columns, t.values, t.meta) for n, t in imu.tracks.items()})
    aligned = align_helper(Take("cam", {"weights": occluded.track}), late, ranges=occluded.ranges)
    assert aligned.helper.name == "sensors" and aligned.offset_s == pytest.approx(-12.25, abs=0.02)
    repaired = repair.repair(
        Take("cam", {"weights": occluded.track}), occluded.ranges, aligned.helper, find_ranges=False
    )
    substituted = repair.repair(
        Take("cam", {"weights": occluded.track}),
        occluded.ranges,
        aligned.helper,
        find_ranges=False,
        substitute_only=True,
    )
    mse = [float(((t.take.weights().select(ARKIT) - truth)[hidden] ** 2).mean()) for t in (repaired, substituted)]
    assert mse[0] < 0.5 * mse[1] and mse[0] < 0.2 * float(((occluded.track.select(ARKIT) - truth)[hidden] ** 2).mean())


def test_a_second_phone_is_aligned_by_visible_rows(camera, phone):
    occluded = occlusion_simulation.occlude(camera, ("hand", "bad light"), 0.35, rng=np.random.default_rng(7))
    aligned = align_helper(Take("cam", {"weights": occluded.track}), phone, ranges=occluded.ranges)
    assert aligned.offset_s == pytest.approx(-5.5, abs=0.01) and aligned.begins_s == pytest.approx(0.0, abs=0.01)
    assert aligned.alignment.confidence > 0.5


def test_a_helper_that_lags_is_read_later(camera):
    late = Take("late", {"weights": Track("weights", camera.time + 0.05, camera.columns, camera.values)})
    aligned = align_helper(Take("cam", {"weights": camera}), late, offset_s=0.0)
    assert aligned.lag_s == pytest.approx(0.05, abs=0.001)


def test_takes_of_different_performances_are_refused(camera):
    other = Take("other", {"weights": generate(40.0, np.random.default_rng(77))})
    with pytest.raises(InnerfaceError, match="do not match"):
        align_helper(Take("cam", {"weights": camera}), other)


def test_takes_that_do_not_overlap_are_refused(camera, phone):
    with pytest.raises(InnerfaceError, match="overlap"):
        align_helper(Take("cam", {"weights": camera}), phone, offset_s=500.0)


def test_a_take_without_trusted_rows_is_refused(camera, phone):
    frozen = Track("weights", camera.time, camera.columns, np.repeat(camera.values[:1], len(camera.time), axis=0))
    still = Take("cam", {"weights": Track("weights", camera.time, camera.columns, frozen.values + 0.0)})
    with pytest.raises(InnerfaceError):
        align_helper(still, phone)
    with pytest.raises(InnerfaceError, match="can be trusted"):
        repair.repair(
            Take("cam", {"weights": camera}),
            [Occlusion(0, 100, g) for g in ("mouth", "brow", "cheek", "eye_left", "eye_right")],
        )


def test_plain_substitution_needs_a_helping_take(camera):
    with pytest.raises(InnerfaceError, match="--imu or --with"):
        repair.repair(Take("cam", {"weights": camera}), [Occlusion(1, 2, "mouth")], substitute_only=True)


def test_other_tracks_of_the_take_stay(camera):
    events = Track("events", np.array([1.0]), ("mark",), np.array([[1.0]]))
    repaired = repair.repair(
        Take("cam", {"events": events, "weights": camera}), [Occlusion(3, 4, "mouth")], find_ranges=False
    )
    assert repaired.take.tracks["events"] is events and list(repaired.take.tracks) == ["events", "weights"]


def test_sound_predicts_an_open_mouth(camera):
    values = np.zeros_like(camera.values)
    rng = np.random.default_rng(1)
    jaw = camera.columns.index("jawOpen")
    values[:, jaw] = np.clip(np.convolve(rng.normal(size=len(values)), np.hanning(15), "same") / 4 + 0.2, 0, 1)
    track = Track("weights", camera.time, camera.columns, values)

    times = np.arange(int(track.duration * RATE)) / RATE
    loud = np.interp(times, track.time - track.time[0], values[:, jaw])
    sound = (
        loud * np.sin(2 * np.pi * 180 * times)
        + 0.3 * loud * rng.normal(size=len(times))
        + 0.003 * rng.normal(size=len(times))
    )
    levels = voice.band_levels(sound, track.time - track.time[0])
    ranges = [Occlusion(8.0, 12.0, "mouth"), Occlusion(25.0, 28.0, "mouth")]
    hidden = sample_mask(ranges, track.time)[:, ARKIT.index("jawOpen")]
    take = Take("cam", {"weights": track})
    errors = [
        float(
            (
                (
                    repair.repair(take, ranges, find_ranges=False, sound=s).take.weights().column("jawOpen")
                    - values[:, jaw]
                )[hidden]
                ** 2
            ).mean()
        )
        for s in (levels, None)
    ]
    assert errors[0] < 0.3 * errors[1]
