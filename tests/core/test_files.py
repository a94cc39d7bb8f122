import os
import stat
import sys
from pathlib import Path

import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.files import atomic_write, open_file, read_bytes, safe_file_name


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_a_device_is_no_file_to_read_and_is_never_replaced(tmp_path):
    pipe = tmp_path / "take.csv"
    os.mkfifo(pipe)
    for path in (pipe, Path(os.devnull)):
        with pytest.raises(InnerfaceError, match="pipe or a device"):
            read_bytes(path)
        with pytest.raises(OSError, match="pipe or a device"):
            open_file(path)
        with pytest.raises(InnerfaceError, match="pipe or a device"), atomic_write(path):
            pass
    (tmp_path / "real").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert read_bytes(tmp_path / "link") == b"text"
    with open_file(tmp_path / "link") as source:
        assert source.read() == b"text"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_private_file_is_never_readable_by_others(tmp_path):
    target = tmp_path / "token"
    target.write_text("old")
    target.chmod(0o644)
    before = os.umask(0)
    try:
        with atomic_write(target, mode=0o600) as temporary:
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
            temporary.write_text("new")
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        with atomic_write(tmp_path / "public") as temporary:
            temporary.write_text("text")
        assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == 0o666
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CON", "_CON"),
        ("nul", "_nul"),
        ("Com1", "_Com1"),
        ("LPT9 ", "_LPT9"),
        ("aux.take", "_aux.take"),
        ("com¹", "_com¹"),
        ("console", "console"),
        ("aux_2", "aux_2"),
        ("take 1. ", "take 1"),
        ("..", ""),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\x00b\nc", "a_b_c"),
        ("\u202egnp", "_gnp"),
    ],
)
def test_names_for_files_are_names_on_every_system(text, name):
    assert safe_file_name(text, ".") == name
