import numpy as np
import pytest
from innerface.core.face.channels import ARKIT
from innerface.core.hybrid import occlusion_simulation
from innerface.core.hybrid.ranges import sample_mask


@pytest.mark.parametrize("name", list(occlusion_simulation.OCCLUDERS))
def test_damage_is_inside_its_ranges_only(camera, name):
    hurt = occlusion_simulation.occlude(camera, (name,), 0.2, rng=np.random.default_rng(1))
    hidden = sample_mask(hurt.ranges, camera.time)
    was, now = camera.select(ARKIT), hurt.track.select(ARKIT)
    assert np.array_equal(was[~hidden], now[~hidden])
    rows = hidden.any(axis=1)
    assert 0.1 < rows.mean() < 0.45
    assert (np.nan_to_num(now[hidden], nan=9.0) != was[hidden]).mean() > 0.5
    assert np.nanmin(now) >= 0 and np.nanmax(now) <= max(1.0, np.nanmax(was))
    assert {r.reason for r in hurt.ranges} == {name}


def test_the_same_seed_makes_the_same_damage(camera):
    one, two = (
        occlusion_simulation.occlude(camera, ("microphone", "hand"), 0.3, rng=np.random.default_rng(7))
        for _ in range(2)
    )
    assert one.ranges == two.ranges and np.array_equal(one.track.values, two.track.values)


def test_a_lost_face_is_a_row_of_nan(camera):
    hurt = occlusion_simulation.occlude(camera, ("drop-out",), 0.2, rng=np.random.default_rng(1))
    assert hurt.track.lost_rows().any()
