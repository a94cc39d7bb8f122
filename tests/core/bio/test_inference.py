"""Electrodes to points with the shipped network of a simulated performer (seed 0)."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from innerface.core.bio import channels, inference, network, session
from innerface.core.bio.signal import bio_track, to_uniform_rate
from innerface.core.bio.simulation.effects import PRESETS
from innerface.core.bio.simulation.simulate import simulate
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled
from innerface.core.landmarks import metrics
from innerface.core.landmarks.camera import landmarks_from_weights
from innerface.core.performance.pose_sequence import pose_sequence
from innerface.core.take import Take, Track

TRACK = pose_sequence(60, 0, take=5)  # a take that the network was not trained on


@pytest.fixture(scope="module")
def net():
    return network.load()


@pytest.fixture(scope="module")
def take():
    return simulate(TRACK, PRESETS["studio"], 0)


@pytest.fixture(scope="module")
def truth(net):
    track = landmarks_from_weights(TRACK, load_bundled())
    return Track(track.kind, track.time, track.columns, track.values, track.meta)


def changed(take, change=lambda v: v, columns=None):
    track = take.tracks["biosignal"]
    values = change(track.values.copy())
    return Take(take.name, {"biosignal": Track("biosignal", track.time, columns or track.columns, values, track.meta)})


def test_the_shipped_network_beats_both_faces_that_never_move(net, take, truth):
    done = metrics.evaluate(inference.infer(take, net).tracks["landmarks"], truth)
    assert done["mae_mm"] < 0.75 * min(done["mean_face"]["mae_mm"], done["rest_face"]["mae_mm"])
    groups = done["mae_mm_by_group"]
    for group in ("brows", "mouth"):
        assert groups["pred"][group] < 0.75 * min(groups["mean_face"][group], groups["rest_face"][group])


def test_recordings_say_that_the_network_knows_a_simulated_performer_only(net, take):
    assert any("simulated performer" in note for note in inference.infer(take, net).notes)


@pytest.mark.parametrize("seed", range(3))
def test_live_is_the_causal_recording_however_the_samples_come(net, take, seed):
    signal = to_uniform_rate(bio_track(take))
    values = signal.values[:12_000]
    short = Take(
        "short", {"biosignal": Track("biosignal", signal.time[:12_000], signal.channels, values, {"rate_hz": "1000"})}
    )
    whole = inference.infer(short, net, causal=True).tracks["landmarks"]
    stage, rng, at, frames = session.BioSession(net, signal.rate, signal.channels), np.random.default_rng(seed), 0, []
    while at < len(values):
        step = int(rng.integers(1, 60))
        frames += stage.push(values[at : at + step])
        at += step
    got = np.array([f.points.ravel() for f in frames])
    assert len(got) > 250
    np.testing.assert_allclose(got, whole.values[: len(got)], atol=1e-5)
    np.testing.assert_allclose([f.time for f in frames], (whole.time - whole.time[0])[: len(got)], atol=1e-9)


def test_looking_both_ways_is_better_than_live_and_both_than_raw_jitter(net, take, truth):
    both, causal, raw = (
        inference.infer(take, net, **how).tracks["landmarks"] for how in ({}, {"causal": True}, {"raw": True})
    )
    mae = [metrics.evaluate(t, truth)["mae_mm"] for t in (both, causal, raw)]
    assert mae[0] <= mae[1] * 1.02
    shake = [np.abs(np.diff(t.values, n=2, axis=0)).mean() for t in (both, causal, raw)]
    assert shake[0] < shake[1] < shake[2]


def test_channels_have_a_confidence_and_a_relaxed_face_is_near_neutral(net, take):
    done = channels.infer_weights(take, net)
    track, sure = done.weights(), done.tracks["confidence"]
    assert track.values.min() >= 0 and track.values.max() <= 1
    assert sure.values[0, ARKIT.index("tongueOut")] == 0 < sure.values[0, ARKIT.index("jawOpen")]
    calm = track.time < TRACK.time[0] - 5.2  # before the first blink
    assert track.values[calm].mean() < 0.06


def test_a_network_of_another_kind_or_damaged_is_an_error_in_one_line(tmp_path, net):
    with pytest.raises(InnerfaceError, match="face-worn IMUs"):
        network.load(network.SHIPPED.with_name("imu.onnx"))
    broken = tmp_path / "b.onnx"
    broken.write_bytes(network.SHIPPED.read_bytes()[:5000])
    with pytest.raises(InnerfaceError, match="cannot open it"):
        network.load(broken)
    with pytest.raises(InnerfaceError):
        network.load(tmp_path / "none.onnx")


def test_a_card_with_wrong_sizes_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx comes with torch's extra")
    path = tmp_path / "m.onnx"
    shutil.copy(network.SHIPPED, path)
    model = onnx.load(str(path))
    for entry in model.metadata_props:
        if entry.key == "rest":
            entry.value = json.dumps([1.0, 2.0])
    onnx.save(model, str(path))
    with pytest.raises(InnerfaceError, match="damaged metadata"):
        network.load(path)


def test_electrodes_are_matched_by_name_and_else_in_their_order_with_a_note(net, take):
    own = inference.infer(take, net)
    swapped = inference.infer(
        changed(take, lambda v: v[:, ::-1], tuple(reversed(take.tracks["biosignal"].columns))), net
    )
    np.testing.assert_allclose(swapped.tracks["landmarks"].values, own.tracks["landmarks"].values)
    named = inference.infer(changed(take, columns=("exg1", "exg2")), net)
    np.testing.assert_allclose(named.tracks["landmarks"].values, own.tracks["landmarks"].values)
    assert any("used in that order" in note for note in named.notes)


def test_one_electrode_is_an_error_if_two_are_needed(net, take):
    track = take.tracks["biosignal"]
    one = Take("one", {"biosignal": Track("biosignal", track.time, track.columns[:1], track.values[:, :1], track.meta)})
    with pytest.raises(InnerfaceError, match="one: the network needs the electrodes lower, front"):
        inference.infer(one, net)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda v: np.stack([v[:, 0], np.zeros(len(v))], axis=1), "front: no signal"),
        (
            lambda v: np.stack([np.clip(v[:, 0] * 500, -1000, 1000), v[:, 1]], axis=1),
            "lower: saturated",
        ),
        (
            lambda v: (
                300 * np.sin(2 * np.pi * 50 * np.arange(len(v)) / 1000)[:, None]
                + np.random.default_rng(0).normal(0, 0.5, v.shape)
            ),
            "mains hum",
        ),
    ],
)
def test_bad_electrodes_are_refused_by_name(net, take, damage, text):
    with pytest.raises(InnerfaceError, match=text):
        inference.infer(changed(take, damage), net)


def test_a_slow_board_is_an_error_that_names_the_needed_rate(net):
    slow = simulate(TRACK, PRESETS["cyton"], 0)
    with pytest.raises(InnerfaceError, match="record at 1000 Hz or more, or train on a take like this one"):
        inference.infer(slow, net)


def test_lost_samples_are_interpolated_with_a_note(net, take):
    track = take.tracks["biosignal"]
    keep = np.ones(len(track.time), bool)
    keep[30_000:33_000] = False
    holed = Take(
        "holed", {"biosignal": Track("biosignal", track.time[keep], track.columns, track.values[keep], track.meta)}
    )
    done = inference.infer(holed, net)
    assert np.isfinite(done.tracks["landmarks"].values).all()
    assert any("no electrode signal" in note for note in done.notes)


def test_a_network_that_is_hardly_better_than_a_still_face_says_so_wherever_it_is_used(electrodes_network):
    loaded = network.load(electrodes_network)
    assert not any(network.HARDLY_BETTER in n for n in replace(loaded, error_share=0.5).notes)
    assert any(network.HARDLY_BETTER in n for n in replace(loaded, error_share=0.95).notes)
