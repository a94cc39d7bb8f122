import os
import sys

from innerface.cli.progress import SequentialProgress, filter_display_errors, step


def test_only_lines_about_the_missing_screen_are_dropped(capfd):
    with step("rendering"), filter_display_errors():
        os.write(2, b"EGL Error (0x3009): EGL_BAD_MATCH\nout of memory\n")
        print("said by Python", file=sys.stderr)
    said = capfd.readouterr().err
    assert "EGL" not in said and "out of memory" in said and "said by Python" in said and "rendering" in said


def test_stderr_works_again_after_a_failure(capfd):
    try:
        with filter_display_errors():
            raise ValueError
    except ValueError:
        pass
    os.write(2, b"native\n")
    print("python", file=sys.stderr)
    assert {"native", "python"} <= set(capfd.readouterr().err.split())


def test_steps_that_report_in_turn_each_get_a_line(capfd):
    with SequentialProgress() as steps:
        first, second = steps("simulating"), steps("training")
        for share in (0.5, 1.0):
            first(share)
        second(1.0)
    lines = [line.split()[0] for line in capfd.readouterr().err.strip().splitlines()]
    assert lines == ["simulating", "training"]
