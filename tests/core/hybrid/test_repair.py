import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled
from innerface.core.hybrid import occlusion_simulation, repair
from innerface.core.hybrid.ranges import Occlusion, sample_mask
from innerface.core.imu.layout import load_layout
from innerface.core.imu.simulation.effects import PRESETS
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.performance.generate import generate
from innerface.core.take import Take, Track


def test_sensors_on_a_clock_of_their_own_mend_a_hidden_mouth(data):
    camera = formats.read_take(data / "arkit" / "alex_rom_3.csv").weights()
    hurt = occlusion_simulation.occlude(camera, ("microphone",), 0.2, np.random.default_rng(6))
    hidden, truth = sample_mask(hurt.ranges, camera.time), camera.select(ARKIT)
    imu = simulate(camera, load_bundled(), load_layout(), PRESETS["studio"], 4)
    late = Take("imu", {n: Track(t.kind, t.time + 12.25, t.columns, t.values, t.meta) for n, t in imu.tracks.items()})
    found = repair.align_helper(Take("cam", {"weights": hurt.track}), late, hurt.ranges)
    assert found.helper.name == "sensors" and found.offset_s == pytest.approx(-12.25, abs=0.02)
    done = repair.repair(Take("cam", {"weights": hurt.track}), hurt.ranges, found.helper, find_ranges=False)
    straight = repair.repair(
        Take("cam", {"weights": hurt.track}), hurt.ranges, found.helper, find_ranges=False, substitute_only=True
    )
    mse = [float(((t.take.weights().select(ARKIT) - truth)[hidden] ** 2).mean()) for t in (done, straight)]
    assert mse[0] < 0.5 * mse[1] and mse[0] < 0.2 * float(((hurt.track.select(ARKIT) - truth)[hidden] ** 2).mean())


def test_another_phone_is_aligned_on_what_can_be_trusted(camera, phone):
    hurt = occlusion_simulation.occlude(camera, ("hand", "bad light"), 0.35, np.random.default_rng(7))
    found = repair.align_helper(Take("cam", {"weights": hurt.track}), phone, hurt.ranges)
    assert found.offset_s == pytest.approx(-5.5, abs=0.01) and found.begins_s == pytest.approx(0.0, abs=0.01)
    assert found.alignment.confidence > 0.5


def test_a_helper_that_lags_is_read_later(camera):
    late = Take("late", {"weights": Track("weights", camera.time + 0.05, camera.columns, camera.values)})
    found = repair.align_helper(Take("cam", {"weights": camera}), late, offset_s=0.0)
    assert found.lag_s == pytest.approx(0.05, abs=0.001)


def test_takes_of_different_performances_are_refused(camera):
    other = Take("other", {"weights": generate(40.0, np.random.default_rng(77))})
    with pytest.raises(InnerfaceError, match="do not match"):
        repair.align_helper(Take("cam", {"weights": camera}), other)


def test_takes_that_share_no_time_are_refused(camera, phone):
    with pytest.raises(InnerfaceError, match="share"):
        repair.align_helper(Take("cam", {"weights": camera}), phone, offset_s=500.0)


def test_a_take_in_which_nothing_can_be_trusted_is_refused(camera, phone):
    frozen = Track("weights", camera.time, camera.columns, np.repeat(camera.values[:1], len(camera.time), axis=0))
    still = Take("cam", {"weights": Track("weights", camera.time, camera.columns, frozen.values + 0.0)})
    with pytest.raises(InnerfaceError):
        repair.align_helper(still, phone)
    with pytest.raises(InnerfaceError, match="can be trusted"):
        repair.repair(
            Take("cam", {"weights": camera}),
            [Occlusion(0, 100, g) for g in ("mouth", "brow", "cheek", "eye_left", "eye_right")],
        )


def test_plain_substitution_needs_something_to_substitute(camera):
    with pytest.raises(InnerfaceError, match="--imu or --with"):
        repair.repair(Take("cam", {"weights": camera}), [Occlusion(1, 2, "mouth")], substitute_only=True)


def test_other_tracks_of_the_take_stay(camera):
    events = Track("events", np.array([1.0]), ("mark",), np.array([[1.0]]))
    done = repair.repair(
        Take("cam", {"events": events, "weights": camera}), [Occlusion(3, 4, "mouth")], find_ranges=False
    )
    assert done.take.tracks["events"] is events and list(done.take.tracks) == ["events", "weights"]


def test_sound_tells_an_open_mouth_that_nothing_else_tells(camera):
    values = np.zeros_like(camera.values)
    rng = np.random.default_rng(1)
    jaw = camera.columns.index("jawOpen")
    values[:, jaw] = np.clip(np.convolve(rng.normal(size=len(values)), np.hanning(15), "same") / 4 + 0.2, 0, 1)
    track = Track("weights", camera.time, camera.columns, values)
    from innerface.core.hybrid import voice
    from innerface.core.take.audio import RATE

    at = np.arange(int(track.duration * RATE)) / RATE
    loud = np.interp(at, track.time - track.time[0], values[:, jaw])
    sound = (
        loud * np.sin(2 * np.pi * 180 * at) + 0.3 * loud * rng.normal(size=len(at)) + 0.003 * rng.normal(size=len(at))
    )
    heard = voice.band_levels(sound, track.time - track.time[0])
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
        for s in (heard, None)
    ]
    assert errors[0] < 0.3 * errors[1]
