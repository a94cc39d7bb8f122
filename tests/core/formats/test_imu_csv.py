import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.formats import read_take, write_take
from innerface.core.imu.signal import ImuSignal, from_track, to_track
from innerface.core.take import Take

HEAD = "# innerface-imu 1 acceleration=specific_force\ntime,a.qw,a.qx,a.qy,a.qz,a.ax,a.ay,a.az\n"
ROW = "{t},1,0,0,0,0,9.8,0\n"


def made(linear=False, up="z"):
    rng = np.random.default_rng(0)
    q = rng.normal(size=(40, 3, 4))
    q /= np.linalg.norm(q, axis=-1, keepdims=True)
    signal = ImuSignal(
        np.cumsum(rng.uniform(0.005, 0.02, 40)) - 0.2,
        ("aux", "oculi_left", "x"),
        q,
        rng.normal(0, 9.8, (40, 3, 3)),
        linear,
        up,
    )
    signal.rotation[5, 1], signal.acceleration[6, 2] = np.nan, np.nan
    return Take("t", {"imu": to_track(signal)})


@pytest.mark.parametrize("suffix", [".imu.csv", ".mcap"])
@pytest.mark.parametrize(("linear", "up"), [(False, "z"), (True, "y"), (False, "")])
def test_an_imu_take_comes_back_with_all_it_says(tmp_path, suffix, linear, up):
    take = made(linear, up)
    write_take(take, tmp_path / f"t{suffix}")
    back = read_take(tmp_path / f"t{suffix}")
    a, b = from_track(take.tracks["imu"]), from_track(back.tracks["imu"])
    assert (a.time == b.time).all() and a.sites == b.sites and (b.linear, b.up) == (linear, up)
    assert np.array_equal(a.acceleration[5:7], b.acceleration[5:7], equal_nan=True)
    assert np.allclose(a.rotation, b.rotation, equal_nan=True, atol=1e-12)


def test_quaternions_of_other_lengths_are_normalised_and_zero_ones_missing(tmp_path):
    (tmp_path / "t.imu.csv").write_text(HEAD + "0,2,0,0,0,0,9.8,0\n0.1,0,0,0,0,0,9.8,0\n0.2,1,0,0,0,0,9.8,0\n")
    take = read_take(tmp_path / "t.imu.csv")
    assert take.tracks["imu"].column("a.qw")[[0, 2]].tolist() == [1.0, 1.0]
    assert np.isnan(take.tracks["imu"].column("a.qw")[1])
    assert len(take.notes) == 2


def test_an_imu_take_is_not_mistaken_for_weights(tmp_path):
    write_take(made(), tmp_path / "t.imu.csv")
    with pytest.raises(InnerfaceError, match="holds imu"):
        read_take(tmp_path / "t.imu.csv").weights()
    with pytest.raises(InnerfaceError, match="no blendshape weights"):
        write_take(read_take(tmp_path / "t.imu.csv"), tmp_path / "w.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# innerface-imu 2 acceleration=linear\ntime\n", ["line 1", "update Innerface"]),
        ("# innerface-imu 1\ntime\n", ["line 1", "acceleration="]),
        ("# innerface-imu 1 acceleration=linear up=w\ntime\n", ["line 1", "up="]),
        ("# innerface-imu 1 acceleration=linear\n", ["line 2", "header"]),
        ("# innerface-imu 1 acceleration=linear\ntime\n0\n", ["line 2", "no site"]),
        (HEAD.replace("a.az", "a.foo"), ["line 2", "a.foo"]),
        (HEAD.replace(",a.az", ""), ["line 2", "a.az"]),
        (HEAD.replace("time", "x"), ["line 2", "time"]),
        (HEAD, ["no rows"]),
        (HEAD + ROW.format(t=1) + ROW.format(t=0), ["line 4", "jumps back"]),
        (HEAD + ROW.format(t="soon"), ["line 3", "soon"]),
        (HEAD + ROW.format(t=""), ["line 3", "time is missing"]),
    ],
)
def test_a_broken_imu_take_is_told_in_one_line_with_its_place(tmp_path, text, words):
    (tmp_path / "t.imu.csv").write_text(text)
    with pytest.raises(InnerfaceError) as error:
        read_take(tmp_path / "t.imu.csv")
    assert "\n" not in str(error.value)
    for word in ["t.imu.csv", *words]:
        assert word in str(error.value)


@given(st.text(max_size=200))
def test_any_text_after_the_mark_is_read_or_refused_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("i", numbered=True) / "t.imu.csv"
    path.write_text("# innerface-imu 1 acceleration=linear\n" + text, newline="")
    try:
        read_take(path)
    except InnerfaceError as error:
        assert "\n" not in str(error)
