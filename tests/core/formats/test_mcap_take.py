"""Units of what a native take holds."""

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.take import Take, Track


def bio_take(path, **units):
    time = np.arange(20) / 250
    tracks = {
        name: Track("biosignal", time, ("lower",), np.ones((20, 1)), {"unit": unit, "rate_hz": "250"})
        for name, unit in units.items()
    }
    formats.write_take(Take("t", tracks), path)
    return path


@pytest.mark.parametrize(("unit", "scale"), [("uV", 1), ("mV", 1e3), ("V", 1e6), ("nV", 1e-3), ("microvolts", 1)])
def test_every_unit_of_voltage_becomes_microvolts(tmp_path, unit, scale):
    take = formats.read_take(bio_take(tmp_path / "t.mcap", biosignal=unit))
    assert take.tracks["biosignal"].values[0, 0] == scale
    assert take.tracks["biosignal"].meta["unit"] == "uV"
    assert any("converted to µV" in note for note in take.notes) == (scale != 1)


def test_a_track_in_no_unit_of_voltage_is_left_out_and_one_without_a_unit_is_told(tmp_path):
    take = formats.read_take(bio_take(tmp_path / "t.mcap", biosignal="counts", other="", third="uV"))
    assert list(take.tracks) == ["other", "third"]
    assert "biosignal left out: counts is not a voltage" in take.notes
    assert "other: no unit is given; values were taken as µV" in take.notes
    with pytest.raises(InnerfaceError, match="counts is not a voltage"):
        formats.read_take(bio_take(tmp_path / "u.mcap", biosignal="counts"))
