import os
import sys

from innerface.cli.progress import step, without_display


def test_only_lines_about_the_missing_screen_are_dropped(capfd):
    with step("rendering"), without_display():
        os.write(2, b"EGL Error (0x3009): EGL_BAD_MATCH\nout of memory\n")
        print("said by Python", file=sys.stderr)
    said = capfd.readouterr().err
    assert "EGL" not in said and "out of memory" in said and "said by Python" in said and "rendering" in said


def test_stderr_works_again_after_a_failure(capfd):
    try:
        with without_display():
            raise ValueError
    except ValueError:
        pass
    os.write(2, b"native\n")
    print("python", file=sys.stderr)
    assert {"native", "python"} <= set(capfd.readouterr().err.split())
