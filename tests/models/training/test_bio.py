"""A performer's network, trained."""

import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason="run by `build.py test --train`")

from innerface.core.bio import features, inference, network, segments  # noqa: E402
from innerface.core.bio.signal import bio_track, to_uniform_rate  # noqa: E402
from innerface.core.bio.simulation.effects import PRESETS  # noqa: E402
from innerface.core.bio.simulation.simulate import simulate  # noqa: E402
from innerface.core.errors import InnerfaceError  # noqa: E402
from innerface.core.face.face_model import load_bundled  # noqa: E402
from innerface.core.landmarks import metrics  # noqa: E402
from innerface.core.landmarks.camera import landmarks_from_weights  # noqa: E402
from innerface.core.performance.pose_sequence import pose_sequence  # noqa: E402
from innerface.core.take import Track  # noqa: E402
from innerface.models.training import bio, bio_data, bio_network  # noqa: E402
from innerface.models.training.budget import Budget  # noqa: E402


def learned(path, seconds=120, steps=400, **more):
    track = pose_sequence(seconds, 3, take=0)
    signal = to_uniform_rate(bio_track(simulate(track, PRESETS["studio"], 3)))
    return bio.train(
        signal, landmarks_from_weights(track, load_bundled()), path, budget=Budget(steps=steps), seed=1, **more
    ), signal


def test_two_minutes_of_pairs_and_a_short_training_beat_the_faces_that_never_move(tmp_path):
    shares = []
    card, _ = learned(tmp_path / "m.onnx", progress=shares.append)
    net = network.load(tmp_path / "m.onnx")
    test = pose_sequence(60, 3, take=1)
    done = metrics.evaluate(
        inference.infer(simulate(test, PRESETS["studio"], 3), net).tracks["landmarks"],
        landmarks_from_weights(test, load_bundled()),
    )
    assert done["mae_mm"] < 0.85 * min(done["mean_face"]["mae_mm"], done["rest_face"]["mae_mm"])
    assert net.simulated and net.channels == ("lower", "front") and net.frame_hz == pytest.approx(30)
    assert shares and 0 <= min(shares) <= max(shares) <= 1
    for word in ("network", "linear", "mean face", "calm face"):
        assert word in card["kept"]


def test_onnx_gives_what_torch_gives(tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    emg, eog = rng.normal(size=(500, 18)), rng.normal(size=(500, 4))
    net = bio_network.BioNet(emg, eog, mean=rng.normal(size=106), basis=rng.normal(size=(10, 106))).eval()
    last = np.array([200, 300, 400])
    data = bio_data.PairedFeatures(emg, eog, last, np.zeros((3, 106)), np.arange(3.0), 0.0)
    rest = np.zeros((53, 2)).tolist()
    about = {
        "kind": network.KIND,
        "channels": '["a", "b"]',
        "top_hz": "450",
        "mains_hz": "0",
        "frame_hz": "30",
        "length": str(segments.LENGTH),
    }
    about |= {"ahead": str(segments.AHEAD), "interocular_mm": "60", "rest": str(rest), "explained": str([0.5] * 53)}
    about |= {"follow_live": str([1.0] * 106), "follow": str([1.0] * 106), "simulated": "no"}
    bio._write(net, tmp_path / "n.onnx", about, data=data)
    x, y = segments.gather_segments(emg, last), segments.gather_segments(eog, last)
    with torch.no_grad():
        expected = net(bio_network.to_tensor(x), bio_network.to_tensor(y)).numpy()
    np.testing.assert_allclose(network.load(tmp_path / "n.onnx").run(x, y), expected, atol=1e-4)


def test_wing_loss_is_logarithmic_near_and_linear_far_and_without_a_step():
    x = torch.tensor([0.0, 1.0, 9.999999, 10.0, 30.0], dtype=torch.float64)
    out = bio_network.wing_loss(x).numpy()
    assert out[0] == 0 and out[1] == pytest.approx(10 * np.log(1.5))
    assert out[3] == pytest.approx(out[2], abs=1e-4) and out[4] - out[3] == pytest.approx(20)


def test_another_noise_at_rest_makes_faint_segments_louder_and_less_alike_and_loud_ones_not():
    rng = np.random.default_rng(0)
    bands = len(features.emg_bands(450))
    quiet = rng.normal(0, 2, (20_000, 1)) @ np.ones((1, 2)) + rng.normal(0, 0.5, (20_000, 2))
    quiet[10_000:] *= 30
    emg, _ = features.extract_features(quiet, 1000.0, 0.0)
    again = bio_data.RemountAugmentation(emg, 2, bands)
    both = segments.gather_segments(emg, np.array([700, 1700]))
    old_gain, bio_data._EMG_GAIN_SD = bio_data._EMG_GAIN_SD, 0.0
    old_share, bio_data._REST_CHANGED_SHARE = bio_data._REST_CHANGED_SHARE, 1.0
    try:
        out = np.mean([again.augment_emg(both, np.random.default_rng(k)) for k in range(200)], axis=0)
    finally:
        bio_data._EMG_GAIN_SD, bio_data._REST_CHANGED_SHARE = old_gain, old_share
    louder = (out - both)[:, : 2 * bands].mean(axis=(1, 2))
    alike = (np.abs(both) - np.abs(out))[:, 2 * bands :].mean(axis=(1, 2))
    assert louder[0] > 0.1 and abs(louder[1]) < 0.05
    assert alike[0] > 0.02 and abs(alike[1]) < 0.02


def test_too_little_a_still_face_or_takes_apart_end_in_one_line(tmp_path):
    track = pose_sequence(40, 3, take=0)
    signal = to_uniform_rate(bio_track(simulate(track, PRESETS["studio"], 3)))
    marks = landmarks_from_weights(track, load_bundled())
    early = Track(marks.kind, marks.time[:300], marks.columns, marks.values[:300], marks.meta)
    with pytest.raises(InnerfaceError, match="at least 30 s"):
        bio.train(signal, early, tmp_path / "m.onnx", budget=Budget(steps=1), seed=1)
    still = Track(
        marks.kind, marks.time, marks.columns, np.repeat(marks.values[:1], len(marks.time), axis=0), marks.meta
    )
    with pytest.raises(InnerfaceError, match="does not move"):
        bio.train(signal, still, tmp_path / "m.onnx", budget=Budget(steps=1), seed=1)
    assert not list(tmp_path.iterdir())


def test_parts_of_the_face_that_the_electrodes_do_not_show_stay_still():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.05, (500, 106))
    predicted = rng.normal(0, 0.05, (500, 106))
    mouth = [2 * p + a for p in bio.POINT_GROUPS["mouth"] for a in (0, 1)]
    predicted[:, mouth] = 2 * truth[:, mouth] + rng.normal(0, 0.02, (500, len(mouth)))
    gain = bio._fit_gain(predicted, truth)
    assert np.allclose(gain[mouth], 0.5, atol=0.05) and not np.delete(gain, mouth).any()


def test_a_network_that_learned_nothing_gives_the_mean_face_and_is_not_called_good(tmp_path):
    track = pose_sequence(60, 3, take=0)
    signal = to_uniform_rate(bio_track(simulate(pose_sequence(60, 8, take=4), PRESETS["studio"], 5)))
    card = bio.train(
        signal,
        landmarks_from_weights(track, load_bundled()),
        tmp_path / "m.onnx",
        budget=Budget(steps=40),
        seed=1,
    )
    net = network.load(tmp_path / "m.onnx")
    assert net.error_share > network.MAX_GOOD_ERROR_SHARE
    assert network.HARDLY_BETTER in card["verdict"] and any(network.HARDLY_BETTER in n for n in net.notes)
