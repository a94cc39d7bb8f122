"""Channels drive a FLAME face: its points move as the bundled head's do, channel by channel and in performances."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from innerface.core.face import mapping_preset
from innerface.core.face.channels import ARKIT, mirrored
from innerface.core.flame import channel_map, fit
from innerface.core.flame.embedding import MIRRORED_POINTS
from innerface.core.flame.submodel import pack_parameters
from innerface.core.numerics.quaternion import from_euler_yxz, to_rotvec
from innerface.core.performance import demo_performance

UPPER, LOWER = [44, 45, 46], [50, 49, 48]  # inner lips


@pytest.fixture(scope="module")
def driven(model, points53):
    """The mapping `made`, and functions of weights to expected (`want`) and actual points (`got`), (N, 53, 2)."""
    made = channel_map.flame_mapping(model, points53)
    fitter = fit.FlameFitter(model, points53, np.zeros(300))

    def got(weights):
        values, places = made.to_values(weights), {d: k for k, d in enumerate(made.destinations)}

        def of(*destination):
            return values[:, places[destination]] if destination in places else np.zeros(len(values))

        def turn(bone):
            return to_rotvec(from_euler_yxz(*(np.radians(of("bone", bone, axis)) for axis in ("yaw", "pitch", "roll"))))

        expression = np.stack([of("key", channel_map.expression_key(k), "") for k in range(100)], axis=1)
        eyes = np.concatenate([turn("eye.L"), turn("eye.R")], axis=1)
        return fitter.face.points(
            pack_parameters(expression, jaw=turn("jaw"), eyes=eyes, neck=np.zeros((len(values), 3)))
        )

    return SimpleNamespace(
        made=made, got=got, want=lambda weights: channel_map.retarget(fitter, weights), rest=got(np.zeros((1, 52)))[0]
    )


def percent(a, b):
    return 100 * np.linalg.norm(a - b, axis=-1).mean(axis=-1)


def one(*channels):
    return np.isin(np.array(ARKIT), channels)[None].astype(float)


def test_the_table_is_of_a_handy_size_and_reads_back(driven, tmp_path):
    assert driven.made.name == "FLAME" and 200 < len(driven.made.targets) < 1500
    assert {t.name for t in driven.made.targets if t.kind == "bone"} == {"jaw", "eye.L", "eye.R"}
    mapping_preset.save(driven.made, tmp_path / "m.json")
    assert mapping_preset.load(tmp_path / "m.json").targets == driven.made.targets


def test_each_channel_alone_looks_as_on_the_bundled_head(driven):
    off = percent(driven.got(np.eye(52)), driven.want(np.eye(52)))
    moved = percent(driven.want(np.eye(52)), driven.rest)
    alone = [k for k, c in enumerate(ARKIT) if c != "mouthClose"]  # which means something on an open jaw only
    assert (
        off[alone].max() < 0.9
        and (off[alone] < 0.3 * moved[alone] + 0.2).all()
        and off[alone].mean() < 0.15 * moved[alone].mean()
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_performances_look_as_on_the_bundled_head(driven, seed):
    weights = demo_performance(seed).weights().select(ARKIT)
    off, moved = percent(driven.got(weights), driven.want(weights)), percent(driven.want(weights), driven.rest)
    assert off.mean() < 0.4 and off.mean() < 0.15 * moved.mean() and np.percentile(off, 95) < 1.0


def test_the_jaw_opens_and_lips_close_on_it(driven):
    gains = {(t.channel, t.axis): t.gain for t in driven.made.targets if t.name == "jaw"}
    assert 12 < gains["jawOpen", "pitch"] < 33 and gains["jawLeft", "yaw"] > 3
    gap = {
        n: (p[UPPER, 1] - p[LOWER, 1]).mean()
        for n, p in (("rest", driven.rest), ("open", driven.got(one("jawOpen"))[0]))
    }
    closed = driven.got(one("jawOpen", "mouthClose"))[0]
    assert gap["open"] > 0.2 and (closed[UPPER, 1] - closed[LOWER, 1]).mean() < gap["rest"] + 0.06 * (
        gap["open"] - gap["rest"]
    )


def test_eyes_turn_as_on_every_face(driven):
    gains = {(t.channel, t.name, t.axis): t.gain for t in driven.made.targets if t.name.startswith("eye.")}
    assert gains["eyeLookOutLeft", "eye.L", "yaw"] == pytest.approx(34.377) and gains[
        "eyeLookOutRight", "eye.R", "yaw"
    ] == pytest.approx(-34.377)


def test_a_channel_and_its_other_side_are_mirror_images(driven):
    sides = [c for c in ARKIT if c.endswith("Left")]
    left = driven.got(np.concatenate([one(c) for c in sides]))
    right = driven.got(np.concatenate([one(mirrored(c)) for c in sides]))
    assert percent(left[:, MIRRORED_POINTS] * (-1, 1), right).max() < 0.3


def test_fewer_expressions_and_another_head_are_learned_as_well(model, points53, take):
    few = channel_map.flame_mapping(
        replace(model, expression_dirs=model.expression_dirs[:, :, :12]), points53, take.shape
    )
    assert (
        max(int(t.name[10:]) for t in few.targets if t.kind == "key") < 12 and "jawOpen" not in few.unmatched_channels
    )
