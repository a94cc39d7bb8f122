"""`*.flame.npz`: what was written comes back; whatever else is in the file ends in one line."""

import zipfile

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.flame.flame_track import arrays_of, build_flame_track
from innerface.core.formats import flame_npz
from innerface.core.take import Take


def data(**changes):
    rng = np.random.default_rng(0)
    out = {
        "time": np.arange(6) / 60,
        **{k: rng.normal(size=(6, n)) for k, n in (("expression", 100), ("jaw", 3), ("eyes", 6), ("neck", 3))},
    }
    return {k: v for k, v in (out | {"shape": rng.normal(size=300)} | changes).items() if v is not None}


def saved(tmp_path, **changes):
    path = tmp_path / "x.flame.npz"
    np.savez(path, **data(**changes))
    return path


def test_a_take_comes_back_to_the_last_digit_with_its_model(tmp_path):
    given = data()
    take = Take("song", {"flame": build_flame_track(**given, model="abc123")})
    flame_npz.write(take, tmp_path / "song.flame.npz")
    back = flame_npz.read(tmp_path / "song.flame.npz")
    assert (
        back.name == "song" and back.tracks["flame"].meta["model"] == "abc123" and back.tracks["flame"].kind == "flame"
    )
    for key, value in arrays_of(back.tracks["flame"]).items():
        np.testing.assert_array_equal(value, given[key], err_msg=key)


def test_the_file_holds_exactly_the_documented_arrays(tmp_path):
    flame_npz.write(Take("x", {"flame": build_flame_track(**data())}), tmp_path / "x.flame.npz")
    with np.load(tmp_path / "x.flame.npz") as read:
        shapes = {k: read[k].shape for k in read.files}
    assert shapes == {
        "time": (6,),
        "expression": (6, 100),
        "jaw": (6, 3),
        "eyes": (6, 6),
        "neck": (6, 3),
        "shape": (300,),
        "model": (),
    }


def test_another_programs_file_without_a_model_is_read(tmp_path):
    track = flame_npz.read(saved(tmp_path)).tracks["flame"]
    assert (
        "model" not in track.meta and len(track.columns) == 112 and track.columns[100:103] == ("jawX", "jawY", "jawZ")
    )


def test_rows_that_miss_anything_are_not_written(tmp_path):
    given = data()
    given["jaw"][2] = np.nan
    flame_npz.write(Take("x", {"flame": build_flame_track(**given)}), tmp_path / "x.flame.npz")
    assert len(flame_npz.read(tmp_path / "x.flame.npz").tracks["flame"].time) == 5


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"jaw": None}, "has no jaw"),
        ({"jaw": np.zeros((5, 3))}, r"jaw has shape \(5, 3\)"),
        ({"eyes": np.zeros((6, 3))}, r"eyes has shape \(6, 3\)"),
        ({"expression": np.zeros((6, 0))}, "expression has shape"),
        ({"expression": np.full((6, 9), np.nan)}, "expression holds values"),
        ({"neck": np.full((6, 3), 1e30)}, "neck holds values"),
        ({"neck": np.full((6, 3), "x")}, "neck holds"),
        ({"neck": np.full((6, 3), None)}, "Python objects"),
        ({"time": np.zeros(6)}, "row 1"),
        ({"time": np.array([0, 1, np.nan, 3, 4, 5])}, "row 2"),
        ({"time": np.zeros(0)}, "at least one row"),
        ({"shape": np.zeros((2, 2))}, "shape has shape"),
    ],
)
def test_arrays_that_do_not_fit_are_named_in_one_line(tmp_path, changes, word):
    with pytest.raises(InnerfaceError, match=word) as error:
        flame_npz.read(saved(tmp_path, **changes))
    assert "\n" not in str(error.value) and "x.flame.npz" in str(error.value)


def test_what_is_cut_off_or_no_archive_ends_in_one_line(tmp_path):
    whole = saved(tmp_path).read_bytes()
    for end in np.linspace(1, len(whole) - 1, 40).astype(int):
        (tmp_path / "cut.npz").write_bytes(whole[:end])
        with pytest.raises(InnerfaceError):
            flame_npz.read(tmp_path / "cut.npz")
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InnerfaceError, match="has no time"):
        flame_npz.read(tmp_path / "other.npz")


def test_flipped_bytes_never_raise_another_error(tmp_path):
    whole, rng = saved(tmp_path).read_bytes(), np.random.default_rng(3)
    for _ in range(200):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(hurt), 3):
            hurt[at] = rng.integers(0, 256)
        (tmp_path / "hurt.npz").write_bytes(bytes(hurt))
        try:
            flame_npz.read(tmp_path / "hurt.npz")
        except InnerfaceError as error:
            assert "\n" not in str(error)


def test_a_take_without_flame_is_not_written(tmp_path):
    with pytest.raises(InnerfaceError, match="no FLAME parameters"):
        flame_npz.write(Take("x", {}), tmp_path / "x.flame.npz")
    assert not list(tmp_path.iterdir())
