import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.files import atomic_write, read_bytes


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "take.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_success_replaces_the_file_whole(tmp_path):
    target = tmp_path / "new" / "take.csv"
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [p.name for p in target.parent.iterdir()] == ["take.csv"]


def test_an_unwritable_place_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    for bad in (tmp_path / "file" / "take.csv", tmp_path):
        with pytest.raises(InnerfaceError) as error, atomic_write(bad):
            pass
        assert str(bad) in str(error.value) and "\n" not in str(error.value)


def test_missing_empty_and_oversized_files_and_folders_are_told_apart(tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "big").write_text("x" * 100)
    for path, word in ((tmp_path / "none", "no such file"), (tmp_path / "empty", "empty"), (tmp_path, "folder")):
        with pytest.raises(InnerfaceError, match=word):
            read_bytes(path)
    with pytest.raises(InnerfaceError, match="exceeds the limit"):
        read_bytes(tmp_path / "big", limit=50)


def test_folders_made_for_a_file_that_failed_go_again(tmp_path):
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "a" / "b" / "take.csv"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    (tmp_path / "kept").mkdir()
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "kept" / "take.csv"):
        raise RuntimeError
    assert (tmp_path / "kept").is_dir()
