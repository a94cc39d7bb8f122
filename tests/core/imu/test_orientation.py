from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.formats import read_take, write_take
from innerface.core.imu.motion import calibrate_take
from innerface.core.imu.orientation import fuse
from innerface.core.imu.signal import RAW_COMPONENTS, from_track
from innerface.core.imu.simulation.effects import Effects
from innerface.core.numerics import quaternion as quat
from innerface.core.take import Take, Track


def raw(signal, scale=1.0):
    """What the gyroscopes of a signal's sensors would have sent, as a take."""
    q = signal.rotation
    rate = quat.to_rotvec(quat.multiply(quat.conjugate(q[:-1]), q[1:])) / np.diff(signal.time)[:, None, None]
    rate = np.concatenate([rate[:1], (rate[1:] + rate[:-1]) / 2, rate[-1:]])
    values = np.concatenate([rate * scale, signal.acceleration], axis=2).reshape(len(signal.time), -1)
    columns = tuple(f"{s}.{p}" for s in signal.sites for p in RAW_COMPONENTS)
    return Take("raw", {"imu": Track("imu", signal.time, columns, values, {"acceleration": "specific_force"})})


@pytest.fixture(scope="module")
def still_head(made):
    return made(Effects(sway_deg=2.0, sway_mm=3.0), 1)


@pytest.mark.parametrize("scale", [1.0, 180 / np.pi])
def test_raw_gyroscopes_give_the_motion_that_fused_orientations_give(still_head, sites, tmp_path, scale):
    write_take(raw(still_head, scale), tmp_path / "t.imu.csv")
    signal = from_track(read_take(tmp_path / "t.imu.csv").tracks["imu"])
    assert signal.up == "z"
    a, b = calibrate_take(signal, sites)[1], calibrate_take(still_head, sites)[1]
    rows = min(len(a.time), len(b.time))
    assert np.degrees(np.linalg.norm(a.rotation[:rows] - b.rotation[:rows], axis=-1)).mean() < 1.5


def test_lost_raw_samples_stay_missing_and_short_losses_are_bridged(still_head):
    take = raw(still_head)
    values = take.tracks["imu"].values.reshape(len(still_head.time), 11, 6).copy()
    values[300:305, 3], values[600:700, 4], values[:, 5] = np.nan, np.nan, np.nan
    got = fuse(still_head.time, still_head.sites, values)
    assert np.isfinite(got[300:305, 3]).all() and np.isnan(got[620:680, 4]).all() and np.isnan(got[:, 5]).all()


def test_raw_takes_that_cannot_be_fused_are_refused_in_one_line(still_head):
    take = raw(still_head)
    track = take.tracks["imu"]
    with pytest.raises(InnerfaceError, match="gravity in them"):
        from_track(replace(track, meta={"acceleration": "linear"}))
    with pytest.raises(InnerfaceError, match="no site has measured"):
        from_track(replace(track, values=np.full_like(track.values, np.nan)))
    with pytest.raises(InnerfaceError, match=r"aux\.gy"):
        from_track(
            Track(
                "imu",
                track.time,
                (track.columns[0], *track.columns[3:]),
                np.delete(track.values, [1, 2], 1),
                track.meta,
            )
        )
