import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.imu import linear_model
from innerface.core.imu.kinematics import Motion

SITES = ("oculi_left", "mentalis_left", "buccinator_right")


def motion(rows=900, seed=0, sites=SITES):
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(0, 0.02, (rows, len(sites), 3)), axis=0)
    smooth -= smooth.mean(0)
    return Motion(
        np.arange(rows) / 60,
        sites,
        smooth,
        rng.normal(0, 1, smooth.shape),
        np.zeros((rows, 3)),
        np.zeros((rows, len(sites))),
        smooth * 0,
    )


def truth(m):
    """Weights that are linear in the rotations now and 3 frames ago."""
    mix = np.random.default_rng(9).normal(0, 0.3, (9, 52))
    x = m.rotation.reshape(len(m.time), -1)
    return 0.5 + x @ mix * 0.3 + np.roll(x, 3, axis=0) @ mix * 0.1


@pytest.fixture(scope="module")
def model():
    moments = linear_model.Moments(SITES)
    for seed in range(4):
        m = motion(seed=seed)
        use = np.ones(len(m.time), bool)
        use[:5] = False
        moments.add(m, truth(m), use)
    return moments.to_model(1e-9)


def test_what_is_linear_in_the_motion_is_learned_exactly(model):
    m = motion(seed=77)
    for causal in (False, True):
        got = model.infer(m, causal)
        want = np.clip(truth(m), 0, 1)
        assert np.abs(got - want)[20:-20].max() < 1e-3


def test_closed_form_is_the_ridge_that_minimises_its_own_cost(model):
    other = linear_model.LinearModel(model.sites, model.xx, model.xy, 1e-2)
    present = np.ones(3, bool)
    c = other.coefficients(linear_model.OFFLINE_LAGS, present)
    at = np.flatnonzero(np.isin(np.repeat(linear_model.LAGS, 18), linear_model.OFFLINE_LAGS))
    index = np.concatenate([at, [len(model.xx) - 1]])
    penalty = np.diag([1e-2] * len(at) + [0.0])
    gradient = (model.xx[np.ix_(index, index)] + penalty) @ c - model.xy[index]
    assert np.abs(gradient).max() < 1e-9


def test_a_missing_site_gives_the_model_that_was_trained_without_it(model):
    m = motion(seed=5)
    m.rotation[:, 1], m.acceleration[:, 1] = np.nan, np.nan
    two = ("oculi_left", "buccinator_right")
    moments = linear_model.Moments(two)
    for seed in range(4):
        full = motion(seed=seed)
        part = Motion(
            full.time,
            two,
            full.rotation[:, [0, 2]],
            full.acceleration[:, [0, 2]],
            full.head,
            full.heading[:, [0, 2]],
            full.zero[:, [0, 2]],
        )
        use = np.ones(len(full.time), bool)
        use[:5] = False
        moments.add(part, truth(full), use)
    without = moments.to_model(1e-9).infer(
        Motion(
            m.time,
            two,
            m.rotation[:, [0, 2]],
            m.acceleration[:, [0, 2]],
            m.head,
            m.heading[:, [0, 2]],
            m.zero[:, [0, 2]],
        )
    )
    assert np.abs(model.infer(m) - without).max() < 1e-6


def test_a_gap_changes_only_frames_whose_lags_touch_it(model):
    m, broken = motion(seed=6), motion(seed=6)
    broken.rotation[400:430, 0] = np.nan
    change = np.abs(model.infer(m) - model.infer(broken)).max(1)
    assert change[:394].max() < 1e-12 and change[436:].max() < 1e-12 and change[405:425].min() > 0
    assert np.isfinite(model.infer(broken)).all()


def test_frames_without_any_site_are_missing_and_none_at_all_is_refused(model):
    m = motion(seed=6)
    m.rotation[100:200] = np.nan
    got = model.infer(m)
    assert np.isnan(got[100:200]).all() and np.isfinite(got[300:]).all()
    m.rotation[:] = np.nan
    assert np.isnan(model.infer(m)).all()
    with pytest.raises(InnerfaceError, match="none of the sites"):
        model.infer(motion(sites=("a", "b", "c")))


def test_thousands_of_patterns_of_loss_do_not_take_forever_or_invent_sites(model):
    m = motion(3000, seed=8)
    rng = np.random.default_rng(0)
    m.rotation[rng.uniform(size=(3000, 3)) < 0.1] = np.nan
    got = model.infer(m)
    assert (
        np.isfinite(got[~np.isnan(m.rotation).any((1, 2))]).mean() > 0.9 and np.nanmin(got) >= 0 and np.nanmax(got) <= 1
    )


def test_a_model_comes_back_from_its_file(model, tmp_path):
    model.save(tmp_path / "m.npz")
    back = linear_model.load(tmp_path / "m.npz")
    m = motion(seed=3)
    assert back.sites == model.sites and np.abs(back.infer(m) - model.infer(m)).max() < 1e-3


def damaged(tmp_path, model, how):
    path = tmp_path / "m.npz"
    model.save(path)
    data = path.read_bytes()
    if how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "noise":
        path.write_bytes(b"PK\x03\x04" + bytes(500))
    elif how == "text":
        path.write_text("hello")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "missing":
        path.unlink()
    else:
        with np.load(path) as z:
            parts = dict(z)
        parts.update(how)
        np.savez(path, **parts)
    return path


@pytest.mark.parametrize(
    "how",
    [
        "cut",
        "noise",
        "text",
        "empty",
        "missing",
        {"kind": "other 1"},
        {"lags": np.arange(3)},
        {"xx": np.zeros((3, 3))},
        {"ridge": -1.0},
        {"channels": np.array(ARKIT[::-1])},
        {"sites": np.array(["a"])},
    ],
)
def test_a_file_that_is_no_such_model_is_refused_in_one_line(tmp_path, model, how):
    with pytest.raises(InnerfaceError) as told:
        linear_model.load(damaged(tmp_path, model, how))
    assert "m.npz" in str(told.value) and "\n" not in str(told.value)


def test_the_shipped_model_knows_the_default_layout_and_says_what_it_saw():
    from innerface.core.imu.layout import load_layout

    shipped = linear_model.load()
    assert shipped.sites == load_layout().sites[1:]
    assert "alex_rom_4" in shipped.card["held out"] and "alex_rom" not in shipped.card["data"]
    assert linear_model.SHIPPED.stat().st_size < 15e6


def test_the_shipped_models_card_says_what_the_file_says():
    text = (linear_model.SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    assert [value for value in linear_model.load().card.values() if value not in text] == []


def test_sensors_that_come_and_go_for_hours_do_not_fill_memory(model):
    cache = model._coefficient_cache
    for k in range(1, 200):
        present = np.array([bool(k >> site & 1) for site in range(len(model.sites))])
        if present.any():
            first = model.coefficients(linear_model.CAUSAL_LAGS, present)
            assert np.array_equal(first, model.coefficients(linear_model.CAUSAL_LAGS, present))
    assert len(cache) <= 64
