import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.formats import read_take, take_folder, write_take
from innerface.core.take import Take, Track


def csv(path, value):
    write_take(Take("t", {"weights": Track("weights", np.arange(3) / 60, ("jawOpen",), np.full((3, 1), value))}), path)


@pytest.fixture
def folder(tmp_path):
    """A Live Link Face take as the app leaves it."""
    place = tmp_path / "20260101_MySlate_3"
    place.mkdir()
    csv(place / "MySlate_3_iPhone.csv", 0.5)
    csv(place / "MySlate_3_iPhone_cal.csv", 0.4)
    (place / "MySlate_3_iPhone.mov").write_bytes(b"film")
    (place / "frame_log.csv").write_text("V,0,1\nV,1,2\n")
    (place / "take.json").write_text("{}")
    (place / "thumbnail.jpg").write_bytes(b"x")
    return place


def test_a_takes_folder_gives_the_calibrated_file_and_says_so_and_its_sound(folder):
    take = read_take(folder)
    assert take.weights().column("jawOpen")[0] == pytest.approx(0.4)
    assert "MySlate_3_iPhone_cal.csv" in take.notes[0] and "MySlate_3_iPhone.csv" in take.notes[0]
    assert take.sound == folder / "MySlate_3_iPhone.mov"


def test_the_captured_file_is_offered_as_well(folder):
    path, notes = take_folder.choose_csv(folder, calibrated=False)
    assert path.name == "MySlate_3_iPhone.csv" and "_cal" in notes[0]
    assert (
        take_folder.find_calibrated(path).name == "MySlate_3_iPhone_cal.csv"
        and take_folder.find_calibrated(folder / "MySlate_3_iPhone_cal.csv") is None
    )
    assert (
        read_take(path).weights().column("jawOpen")[0] == pytest.approx(0.5) and read_take(path).sound.suffix == ".mov"
    )


def test_a_recording_beside_a_plain_file_is_its_sound_only_where_it_is_sure(tmp_path):
    csv(tmp_path / "a.csv", 0.1)
    csv(tmp_path / "b.csv", 0.1)
    (tmp_path / "a.wav").write_bytes(b"x")
    assert read_take(tmp_path / "a.csv").sound == tmp_path / "a.wav" and read_take(tmp_path / "b.csv").sound is None


def test_folders_that_are_no_take_or_several_are_told_in_one_line(folder, tmp_path):
    with pytest.raises(InnerfaceError, match="without a Live Link Face CSV"):
        read_take(tmp_path)
    csv(folder / "Other_1.csv", 0.2)
    with pytest.raises(InnerfaceError, match="2 takes"):
        read_take(folder)


def test_a_folder_that_is_no_take_says_what_lies_in_it(tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(InnerfaceError, match="choose a take's folder or file"):
        read_take(tmp_path / "other")
    (tmp_path / "other" / "song.mcap").write_bytes(b"x")
    with pytest.raises(InnerfaceError, match=r"choose one of its files \(song\.mcap\)"):
        read_take(tmp_path / "other")
    (tmp_path / "other" / "depth_data.bin").write_bytes(b"x")
    with pytest.raises(InnerfaceError, match="MetaHuman Animator mode"):
        read_take(tmp_path / "other")
