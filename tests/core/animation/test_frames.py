import numpy as np
import pytest
from innerface.core.animation.frames import resample_to_frames
from innerface.core.face import lips
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled, load_face_model
from innerface.core.formats import read_take
from innerface.core.take import Track
from innerface.core.take.resample import fill_gaps, frame_times, resample_linear
from scipy.signal import find_peaks

RATES = (24.0, 24 / 1.001, 30 / 1.001, 60.0)


def figures(track, fps, face, out):
    """Largest loss of a blink's peak, and the share of lip closures that are there."""
    at = frame_times(track.time, fps)
    source = np.nan_to_num(fill_gaps(track.time, track.select(ARKIT)))
    frame = np.clip(np.round((track.time - at[0]) * fps).astype(int), 0, len(at) - 1)
    loss = [0.0]
    for channel in ("eyeBlinkLeft", "eyeBlinkRight"):
        k = ARKIT.index(channel)
        for row in find_peaks(source[:, k], prominence=0.2)[0]:
            loss.append(source[row, k] - out[max(frame[row] - 1, 0) : frame[row] + 2, k].max())
    gap = lips.lip_gap(face, source)
    rest = np.percentile(gap, 5)
    closed = lips.lip_gap(face, out) - rest < lips.CLOSED_GAP_M
    hits = [closed[max(frame[row] - 2, 0) : frame[row] + 3].any() for row in lips.closures(gap - rest)]
    return max(loss), hits


@pytest.mark.parametrize("fps", RATES)
def test_blink_peaks_and_lip_closures_of_real_takes_survive_resampling(data, fps):
    hits, worst, plain = [], 0.0, 0.0
    for path in sorted((data / "arkit").glob("*.csv")):
        track = read_take(path).weights()
        at = frame_times(track.time, fps)
        for face in (load_face_model(), load_bundled()):
            loss, closed = figures(track, fps, face, resample_to_frames(track, at))
            hits += closed
            worst = max(worst, loss)
            plain = max(
                plain, figures(track, fps, face, np.nan_to_num(resample_linear(track.time, track.select(ARKIT), at)))[0]
            )
    assert worst <= 0.02 and np.mean(hits) >= 0.99 and len(hits) > 100
    assert plain > 0.05  # linear resampling alone cuts them off


def test_between_peaks_a_track_is_its_own_by_true_time():
    time = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.05, 400))
    values = 0.5 + 0.4 * np.sin(time[:, None] * np.array([1.0, 1.7]))
    track = Track("weights", time, ("jawForward", "browInnerUp"), values)
    at = frame_times(time, 24.0)
    out = resample_to_frames(track, at)
    want = resample_linear(time, values, at)
    got = out[:, [ARKIT.index(c) for c in track.columns]]
    assert (np.abs(got - want) > 1e-12).mean() < 0.05 and np.abs(got - want).max() < 0.02
    assert not out[:, ARKIT.index("jawOpen")].any()


def test_a_blink_of_one_row_between_two_frames_reaches_its_height():
    time = np.arange(60) / 60
    values = np.zeros((60, 1))
    values[21] = 1.0
    out = resample_to_frames(Track("weights", time, ("eyeBlinkLeft",), values), np.arange(24) / 24)
    assert out[:, ARKIT.index("eyeBlinkLeft")].max() == 1.0 and (out > 0).sum() <= 2


def test_short_tracks_and_missing_rows_are_no_trouble():
    for rows in (1, 2, 3):
        track = Track("weights", np.arange(rows) / 30, ("jawOpen",), np.full((rows, 1), 0.5))
        assert resample_to_frames(track, track.time[:1] + np.arange(3) / 24).shape == (3, 52)
    values = np.full((30, 1), 0.3)
    values[10:20] = np.nan
    assert np.allclose(
        resample_to_frames(Track("weights", np.arange(30) / 30, ("jawOpen",), values), np.arange(20) / 24)[
            :, ARKIT.index("jawOpen")
        ],
        0.3,
    )
