import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face import metrics
from innerface.core.face.channels import ARKIT, GROUPS
from innerface.core.face.face_model import load_bundled, load_face_model, load_ict
from innerface.core.face.lips import lip_closure_hits
from innerface.core.face.row_matching import match_rows
from innerface.core.formats import read_take
from innerface.core.performance import demo_performance
from innerface.core.take import Track


@pytest.fixture(scope="module")
def face():
    return load_bundled()


def track(values, time=None, start=0.0, rate=30.0):
    time = start + np.arange(len(values)) / rate if time is None else time
    return Track("weights", time, ARKIT, values)


def wave(rows=120, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (rows, 52))


def test_a_take_compared_with_itself_has_no_error(face):
    truth = demo_performance(1).weights()
    result = metrics.evaluate(truth, truth, face)
    for name in ("mse", "pve_mm", "pve_lmk_mm"):
        assert result[name] == {"median": 0.0, "mean": 0.0, "std": 0.0}
        assert result["neutral"][name]["mean"] > result["mean_face"][name]["mean"] / 2 > 0
    assert result["lip_closure"]["hit_rate"] == 1.0
    assert result["matched_by"] == "timecode"


def test_pve_is_the_mean_distance_of_the_posed_vertices(face):
    a, b = wave(3), wave(3, 1)
    pve, lmk = metrics.vertex_errors_mm(face, a - b)
    for k in range(3):
        posed = [face.neutral + np.tensordot(w[k], face.deltas, axes=1) for w in (a, b)]
        gap = np.linalg.norm(posed[0] - posed[1], axis=1) * 1000
        assert pve[k] == pytest.approx(gap[face.region].mean(), rel=1e-4)
        assert lmk[k] == pytest.approx(gap[face.landmarks].mean(), rel=1e-4)


def test_mse_is_over_the_52_channels_of_each_frame(face):
    truth, pred = np.zeros((4, 52)), np.zeros((4, 52))
    pred[2, 0] = 1.0
    result = metrics.evaluate(track(pred), track(truth), face)
    assert result["mse"]["mean"] == pytest.approx(1 / 52 / 4)
    assert result["mse_by_group"]["pred"]["eye_left"] == pytest.approx(1 / 4 / len(GROUPS["eye_left"]))
    assert result["mse_by_group"]["pred"]["mouth"] == 0


@given(st.floats(-80000, 80000), st.sampled_from([24.0, 60.0]))
def test_rows_are_matched_by_their_timecodes_at_any_rate(start, rate):
    truth = track(np.linspace(0, 1, 91)[:, None].repeat(52, 1), start=start)
    at = start - 5 + np.arange(int(10 * rate)) / rate  # begins earlier, ends later
    pred = track(np.interp(at, truth.time, truth.values[:, 0])[:, None].repeat(52, 1), time=at)
    rows = match_rows(pred, truth)
    assert rows.matched_by == "timecode" and len(rows.time) == 91
    assert np.abs(rows.pred - rows.truth).max() < 0.02


def test_midnight_between_two_takes_does_not_part_them():
    truth = track(wave(60), start=86399.0)
    pred = track(truth.values, start=-1.0)
    rows = match_rows(pred, truth)
    assert rows.matched_by == "timecode"
    assert np.allclose(rows.pred, rows.truth, atol=1e-6)


def test_takes_on_different_clocks_are_matched_from_their_first_rows():
    values = wave(60)
    rows = match_rows(track(values, start=0.0), track(values, start=5000.0))
    assert rows.matched_by == "first rows"
    assert np.allclose(rows.pred, rows.truth)


def test_rows_without_a_face_are_left_out(face):
    values = wave(60)
    truth = values.copy()
    truth[10:20] = np.nan
    assert metrics.evaluate(track(values), track(truth), face)["rows"] == 50
    with pytest.raises(InnerfaceError):
        match_rows(track(values), track(np.full((60, 52), np.nan)))


def test_a_missed_lip_closure_counts_as_missed(face):
    truth = np.zeros((200, 52))
    jaw = ARKIT.index("jawOpen")
    truth[:, jaw] = 0.4 * (np.sin(np.arange(200) / 8) > 0)
    pred = truth.copy()
    hits = lip_closure_hits(face, pred, truth)
    assert hits["closures"] >= 3 and hits["hit_rate"] == 1.0
    pred[:, jaw] = 0.2
    assert lip_closure_hits(face, pred, truth)["hit_rate"] == 0.0


def test_jitter_grows_with_noise_and_not_with_the_rate(face):
    time = np.arange(300) / 60
    smooth = np.sin(time)[:, None]
    noisy = smooth + np.random.default_rng(0).normal(0, 0.05, (300, 1))
    assert metrics.jitter(noisy, time) > 50 * metrics.jitter(smooth, time)
    assert metrics.jitter(smooth[::2], time[::2]) == pytest.approx(metrics.jitter(smooth, time), rel=0.02)


def test_the_mean_face_is_the_takes_own(data, face):
    truth = read_take(data / "arkit" / "S07-001.csv").weights()
    result = metrics.evaluate(truth, truth, face)
    want = truth.select(ARKIT)
    assert result["mean_face"]["mse"]["mean"] == pytest.approx(((want - want.mean(0)) ** 2).mean(), rel=1e-6)
    assert result["neutral"]["mse"]["mean"] == pytest.approx((want**2).mean(), rel=1e-6)


def test_ict_is_measured_on_its_narrow_face_and_51_points(data):
    model = load_ict(data / "ict_facekit.npz")
    assert model.region_name == "ICT narrow face" and len(model.region) == 6706
    jaw = model.deltas[ARKIT.index("jawOpen")] * 1000
    assert np.linalg.norm(jaw[model.region], axis=1).mean() == pytest.approx(6.7, abs=0.3)
    assert np.abs(model.deltas[ARKIT.index("tongueOut")]).max() == 0
    assert load_face_model("bundled").name == "bundled"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken"])
def test_a_file_that_is_no_face_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "face.npz"
    path.write_bytes(content)
    with pytest.raises(InnerfaceError) as error:
        load_face_model(str(path))
    assert "\n" not in str(error.value) and "face.npz" in str(error.value)


def test_an_npz_of_something_else_is_refused_in_one_line(tmp_path):
    np.savez(tmp_path / "face.npz", hello=np.zeros(3))
    with pytest.raises(InnerfaceError, match=r"face\.npz"):
        load_face_model(str(tmp_path / "face.npz"))
