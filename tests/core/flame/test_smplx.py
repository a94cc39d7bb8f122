"""FLAME's faces are those of smplx, the layer that its authors publish (PyPI; needs torch)."""

import numpy as np
import pytest
from innerface.core.flame import stand_in
from innerface.core.flame.skinning import pose_vertices

pytestmark = pytest.mark.train
FRAMES = 20


def test_posed_faces_are_those_of_the_authors_own_layer_to_a_hundredth_of_a_millimetre():
    torch = pytest.importorskip("torch", reason="smplx needs torch: python3 build.py test --train")
    lbs = pytest.importorskip("smplx.lbs", reason="smplx is not here (pip install smplx)").lbs
    model, rng = stand_in.make_stand_in(), np.random.default_rng(0)
    shape = rng.normal(0, 0.5, model.shape_dirs.shape[2])
    expression = rng.normal(0, 1, (FRAMES, model.expression_dirs.shape[2]))
    pose = rng.normal(0, 0.3, (FRAMES, 15))  # root, neck, jaw, left and right eye
    directions = np.concatenate([model.shape_dirs, model.expression_dirs], axis=2)

    def double(values):
        return torch.tensor(np.ascontiguousarray(values), dtype=torch.float64)

    wanted, _ = lbs(
        double(np.concatenate([np.tile(shape, (FRAMES, 1)), expression], axis=1)),
        double(pose),
        double(model.template)[None],
        double(directions),
        double(model.pose_dirs.reshape(-1, model.pose_dirs.shape[2]).T),
        double(model.joint_regressor),
        torch.tensor(np.asarray(model.parents, dtype=np.int64)),
        double(model.skin_weights),
    )
    got = pose_vertices(
        model,
        shape,
        expression=expression,
        root=pose[:, :3],
        neck=pose[:, 3:6],
        jaw=pose[:, 6:9],
        eyes=pose[:, 9:],
    )
    assert np.abs(got - wanted.numpy()).max() < 1e-5, "metres"
