import numpy as np
import pytest
from innerface.core.face.channels import ARKIT
from innerface.core.performance import demo_performance
from innerface.core.performance.statistics import correlation_agreement, explained_variance, performance_statistics
from innerface.core.take import Track


def track(**channels):
    values = np.zeros((600, 52))
    for name, value in channels.items():
        values[:, ARKIT.index(name)] = value
    return Track("weights", np.arange(600) / 60, ARKIT, values)


def test_figures_of_a_known_motion_are_what_they_are():
    t = np.arange(600) / 60
    wave = 0.5 + 0.4 * np.sin(2 * np.pi * t)
    s = performance_statistics([track(jawOpen=wave, mouthFunnel=1 - wave, browInnerUp=0.3)])
    jaw, brow, funnel = (ARKIT.index(c) for c in ("jawOpen", "browInnerUp", "mouthFunnel"))
    assert (
        s.median[jaw] == pytest.approx(0.5, abs=0.02)
        and s.high[jaw] == pytest.approx(0.9, abs=0.01)
        and s.low[jaw] == pytest.approx(0.1, abs=0.01)
    )
    assert s.speed[jaw] == pytest.approx(0.4 * 2 * np.pi, rel=0.03) and s.speed[brow] == 0 and s.active[brow] == 0
    assert s.correlation[jaw, funnel] == pytest.approx(-1) and np.isnan(s.correlation[jaw, brow])


def test_a_take_agrees_with_itself_and_explains_itself():
    a = [demo_performance(k).weights() for k in (1, 2)]
    assert correlation_agreement(performance_statistics(a), performance_statistics(a)) == pytest.approx(1)
    assert explained_variance(a, a, 52) == pytest.approx(1) and explained_variance(a, a, 1) < 0.9
