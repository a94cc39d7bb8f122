import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.take import Take, Track


def track(**changes):
    given = {"kind": "weights", "time": np.arange(3.0), "columns": ("jawOpen",), "values": np.zeros((3, 1))} | changes
    return Track(**given)


@pytest.mark.parametrize(
    "changes",
    [
        {"time": np.array([0.0, 0.0, 1.0])},
        {"time": np.array([0.0, 2.0, 1.0])},
        {"time": np.array([0.0, np.nan, 1.0])},
        {"values": np.zeros((2, 1))},
        {"columns": ("jawOpen", "jawOpen"), "values": np.zeros((3, 2))},
    ],
)
def test_arrays_that_do_not_fit_never_become_a_track(changes):
    with pytest.raises(ValueError):
        track(**changes)


def test_a_take_without_a_face_says_so_in_one_line():
    for tracks in ({}, {"imu": track(kind="imu")}, {"weights": track(values=np.full((3, 1), np.nan))}):
        with pytest.raises(InnerfaceError) as error:
            Take("song", tracks).weights()
        assert "song" in str(error.value) and "\n" not in str(error.value)


def test_selecting_by_name_ignores_the_order_of_columns():
    t = track(columns=("jawOpen", "mouthLeft"), values=np.array([[1, 2], [3, 4], [5, 6.0]]))
    picked = t.select(("mouthLeft", "tongueOut", "jawOpen"))
    assert picked[:, 0].tolist() == [2, 4, 6]
    assert np.isnan(picked[:, 1]).all()
    assert picked[:, 2].tolist() == [1, 3, 5]


def test_values_are_put_by_name_and_nothing_else_changes():
    track = Track("weights", np.arange(2.0), ("headYaw", "jawOpen"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    out = track.replace_columns(("jawOpen", "mouthClose"), np.array([[5.0, 9.0], [6.0, 9.0]]))
    assert out.values.tolist() == [[1.0, 5.0], [3.0, 6.0]] and track.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert out.columns == track.columns and out.meta == track.meta
