import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.imu import model, network
from innerface.core.imu.kinematics import Motion
from innerface.core.imu.layout import load_layout

SITES = load_layout()
FRAMES = ("time", "rotation", "acceleration", "head", "heading", "zero")


@pytest.fixture(scope="module", params=["imu", "imu-live"])
def net(request):
    return network.load(network.SHIPPED.with_name(f"{request.param}.onnx"))


@pytest.fixture(scope="module", params=["imu", "imu-live"])
def evaluation_net(request):
    return network.load(network.EVALUATION / f"{request.param}.onnx")


def moving(frames, sites=SITES.sites[1:], seed=0):
    """Motion at random, of the size that faces move."""
    rng = np.random.default_rng(seed)
    shape = (frames, len(sites), 3)
    smooth = np.cumsum(rng.normal(0, 0.02, shape), axis=0) * 0.3
    still = np.zeros(shape)
    return Motion(
        np.arange(frames) / 60,
        tuple(sites),
        smooth,
        rng.normal(0, 0.5, shape),
        smooth[:, 0] * 0.2,
        still[..., 0],
        still,
    )


def test_inputs_are_placed_by_the_sites_names_and_missing_ones_are_zero():
    motion = moving(20, ("mentalis_left", "frontalis_left", "elsewhere"))
    motion.rotation[5, 0] = np.nan
    values = network.network_inputs(motion, SITES.sites, SITES.reference).reshape(
        20, network.SITE_COUNT, network.INPUTS_PER_SITE
    )
    there = [SITES.sites.index(s) for s in ("mentalis_left", "frontalis_left")]
    assert (values[[k for k in range(20) if k != 5]][:, there, 6] == 1).all() and not values[5, there[0]].any()
    absent = [k for k in range(1, network.SITE_COUNT) if k not in there]
    assert not values[:, absent].any()
    assert np.allclose(values[:, there[1], :3], motion.rotation[:, 1] * 4.0, atol=1e-6)
    assert values[:, 0, 6].all()  # how the head turns stands where the ear's sensor would


def test_a_head_that_turns_on_between_chunks_is_seen_as_in_one_piece():
    motion = moving(30)
    whole = network.network_inputs(motion, SITES.sites, SITES.reference)
    late = replace(motion, **{name: getattr(motion, name)[10:] for name in FRAMES})
    assert np.array_equal(
        network.network_inputs(late, SITES.sites, SITES.reference, previous_head=motion.head[8:10]), whole[10:]
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_frame_by_frame_or_in_chunks_gives_what_the_whole_take_gives(net, sizes):
    values = network.network_inputs(moving(sum(sizes)), SITES.sites, SITES.reference)
    whole = net.push(values, net.start())
    state, parts, at = net.start(), [], 0
    for size in sizes:
        weights, error, state = net.push(values[at : at + size], state)
        parts.append(np.concatenate([weights, error], axis=1))
        at += size
    assert np.abs(np.concatenate(parts) - np.concatenate(whole[:2], axis=1)).max() < 1e-4
    assert np.abs(state - whole[2]).max() < 1e-3


def test_memory_is_bounded_by_chunks_that_change_nothing(net, monkeypatch):
    motion = moving(500)
    whole = net.infer(motion)
    monkeypatch.setattr(network, "_CHUNK", 77)
    parts = net.infer(motion)
    assert all(np.abs(a - b).max() < 1e-4 for a, b in zip(whole, parts))


def test_weights_and_confidence_stay_in_range_whatever_moves(net):
    motion = moving(300)
    wild = Motion(
        motion.time,
        motion.sites,
        motion.rotation * 40,
        motion.acceleration * 1e4,
        motion.head * 30,
        motion.heading,
        motion.zero,
    )
    for m in (motion, wild):
        for values in net.infer(m):
            assert values.shape == (300, 52) and np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1


def test_what_is_not_measured_is_masked_not_believed(net):
    motion = moving(200)
    holes = motion.rotation.copy()
    holes[50:80], holes[:, 3] = np.nan, np.nan
    weights, confidence = net.infer(
        Motion(motion.time, motion.sites, holes, motion.acceleration, motion.head, motion.heading, motion.zero)
    )
    gone = np.zeros(200, dtype=bool)
    gone[50:80] = True
    assert np.isnan(weights[gone]).all() and np.isfinite(weights[~gone]).all() and np.isnan(confidence[gone]).all()
    without = [k for k in range(10) if k != 3]
    left_out = Motion(
        motion.time,
        tuple(motion.sites[k] for k in without),
        holes[:, without],
        motion.acceleration[:, without],
        motion.head,
        motion.heading[:, without],
        motion.zero[:, without],
    )
    assert np.allclose(net.infer(left_out)[0][~gone], weights[~gone], atol=1e-6)


def test_two_frames_are_enough(net):
    weights, confidence = net.infer(moving(2))
    assert weights.shape == confidence.shape == (2, 52) and np.isfinite(weights).all()


def test_a_layout_without_a_site_of_the_face_is_one_line(net):
    with pytest.raises(InnerfaceError, match=r"none of the sites.*frontalis_left"):
        net.infer(moving(10, ("knee", "elbow")))


def test_the_live_network_never_looks_ahead_and_the_other_does():
    live, offline = network.load(network.LIVE), network.load(network.SHIPPED)
    assert live.ahead == 0 and 0 < offline.ahead < 60 and live.id != offline.id
    motion = moving(200)
    later = replace(motion, rotation=motion.rotation + 0.3 * (np.arange(200) >= 150)[:, None, None])
    assert np.abs(live.infer(motion)[0][:150] - live.infer(later)[0][:150]).max() < 1e-6
    assert np.abs(offline.infer(motion)[0][:150] - offline.infer(later)[0][:150]).max() > 1e-3


def changed(path, **changes):
    """A copy of the shipped file with bytes exchanged, or cut off."""
    data = network.SHIPPED.read_bytes()
    for old, new in changes.get("swaps", []):
        assert len(old) == len(new) and old in data
        data = data.replace(old, new)
    path.write_bytes(data[: changes.get("keep", len(data))])
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keep": 1000}, "cannot open"),
        ({"keep": 0}, "empty"),
        ({"swaps": [(b"innerface-imu 1", b"innerface-imu 9")]}, "not a network of this version"),
        ({"swaps": [(b'"jawOpen"', b'"jawShut"')]}, "another layout"),
        ({"swaps": [(b'["aux", "frontalis_left", ', b'["aux", "frontalis_left"; ')]}, "another layout"),
        ({"swaps": [(b"B\x02\x10\x11", b"B\x02\x10\x7f")]}, "opset"),
    ],
)
def test_a_model_that_cannot_be_used_is_one_line(tmp_path, changes, words):
    with pytest.raises(InnerfaceError, match=words) as error:
        network.load(changed(tmp_path / "m.onnx", **changes))
    assert "\n" not in str(error.value) and "m.onnx" in str(error.value)


def test_a_missing_model_is_one_line():
    with pytest.raises(InnerfaceError, match="no such file"):
        network.load("none.onnx")


def test_the_linear_model_stands_in_where_onnx_runtime_does_not_load(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    found, notes = model.load()
    assert isinstance(found, model.LinearModel) and len(notes) == 1 and "ONNX Runtime" in notes[0]
    with pytest.raises(InnerfaceError, match="--model linear"):
        network.load()


def test_a_network_that_looks_ahead_is_refused_for_live_use():
    for path, words in (
        (network.SHIPPED, "frames ahead.*--live"),
        (network.SHIPPED.with_name("ablation") / "paper.onnx", "120 frames at once.*--live"),
    ):
        with pytest.raises(InnerfaceError, match=words):
            model.load(path, causal=True)
    assert model.load(network.LIVE, causal=True)[0].ahead == 0


def test_networks_that_the_report_measures_have_not_learned_from_the_test_takes(evaluation_net):
    assert (
        "alex_rom_4" in evaluation_net.card["held out"]
        and "alex_rom" not in evaluation_net.card["data"]
        and "MySlate" not in evaluation_net.card["data"]
    )


def test_shipped_networks_are_small_and_say_what_they_learned_from(net):
    assert network.SHIPPED.stat().st_size < 15e6 and network.LIVE.stat().st_size < 15e6
    assert ("alex_rom_4" in net.card["data"]) == (net.card["held out"] == "none")
    assert (
        len(json.dumps(net.card)) > 100
        and (net.spread > 0).all()
        and net.sites == SITES.sites
        and len(ARKIT) == len(net.spread)
    )


def test_a_shipped_networks_card_says_what_its_file_says(net, evaluation_net):
    text = (network.SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    assert [value for n in (net, evaluation_net) for value in n.card.values() if value not in text] == []


def still(frames):
    motion = moving(frames)
    return replace(motion, **{name: getattr(motion, name) * 0 for name in FRAMES[1:]})


def test_a_network_that_is_told_the_relaxed_face_shows_it_at_rest(net):
    rest = np.zeros(len(ARKIT))
    for name, weight in (("mouthFrownLeft", 0.3), ("mouthFrownRight", 0.3), ("browDownLeft", 0.25), ("jawOpen", 0.1)):
        rest[ARKIT.index(name)] = weight
    shown = net.infer(still(400), 1, rest)[0][200]
    steady = [k for k, c in enumerate(ARKIT) if not c.startswith(("eyeLook", "eyeBlink"))]
    assert np.abs(shown - rest)[steady].max() < 0.1 and np.abs(shown - rest)[steady].mean() < 0.02
    assert np.abs(net.infer(still(400))[0][200] - rest)[ARKIT.index("mouthFrownLeft")] > 0.1


def test_a_network_of_an_earlier_version_that_cannot_be_told_a_relaxed_face_still_loads():
    old = network.load(network.SHIPPED.parent / "ablation" / "stream.onnx")
    motion = moving(100)
    told = old.infer(motion, 1, np.full(52, 0.5))[0]
    assert not old.uses_rest and np.abs(old.infer(motion)[0] - told).max() < 1e-5


def test_recordings_get_the_mean_of_the_offline_and_the_live_network():
    pair, motion, rest = model.load()[0], moving(200), np.linspace(0, 0.3, 52)
    offline, live = network.load(network.SHIPPED), network.load(network.LIVE)
    for k in (0, 1):
        mean = (offline.infer(motion, 1, rest)[k] + live.infer(motion, 1, rest)[k]) / 2
        assert np.allclose(pair.infer(motion, 1, rest)[k], mean, atol=1e-5)
    assert pair.id not in (offline.id, live.id), "adapters of one are not for both"
