"""A generated model, its points and a performance, for all tests of FLAME."""

from types import SimpleNamespace

import pytest
from innerface.core.flame import embedding, fit, stand_in


@pytest.fixture(scope="session")
def model():
    return stand_in.make_stand_in()


@pytest.fixture(scope="session")
def points53(model):
    return embedding.load_embedding(model)


@pytest.fixture(scope="session")
def take(model, points53):
    """Parameters of a performance and its points."""
    truth = stand_in.make_performance(model, 240, seed=5)
    return SimpleNamespace(**truth, points=fit.points_of_pose(model, points53, **truth))


@pytest.fixture(scope="session")
def fitted(model, points53, take):
    fitter = fit.FlameFitter(model, points53)
    return SimpleNamespace(fitter=fitter, out=fitter.fit(take.points))
