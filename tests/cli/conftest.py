"""Takes and helpers for the tests of commands."""

import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.performance import demo_performance


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.csv"
    formats.write_take(demo_performance(1), path)
    return path


@pytest.fixture(scope="session")
def sensors(tmp_path_factory):
    """A simulated sensor take of the made-up performance, and the truth."""
    folder = tmp_path_factory.mktemp("sensors")
    formats.write_take(demo_performance(1), folder / "song.csv")
    assert (
        main(
            [
                "simulate",
                "imu",
                str(folder / "song.csv"),
                "--out",
                str(folder / "t.imu.csv"),
                "--face",
                "bundled",
                "--seed",
                "3",
            ]
        )
        == 0
    )
    return folder / "t.imu.csv", folder / "song.csv"


@pytest.fixture(scope="session")
def worn(tmp_path_factory):
    """Simulated electrodes of 40 s of posed expressions, and the performance."""
    folder = tmp_path_factory.mktemp("worn")
    arguments = [
        "simulate",
        "bio",
        "posed:40:3",
        "--out",
        str(folder / "t.bio.csv"),
        "--weights-out",
        str(folder / "t.csv"),
    ]
    assert main(arguments) == 0
    return folder / "t.bio.csv", folder / "t.csv"


def outputs(folder):
    return sorted(p.name for p in folder.iterdir())


def told(capsys, *arguments):
    """The one line that a mistake ends in."""
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert code == 2, captured
    lines = [x for x in captured.err.strip().splitlines() if x.startswith("innerface:")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err and captured.out == ""
    return lines[0]
