import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.animation.manual_edits import find_manual_edits, outside_ranges

FRAMES = st.lists(st.integers(0, 200), min_size=1, max_size=40, unique=True).map(sorted)


@given(FRAMES)
def test_a_curve_that_nobody_touched_has_no_key_of_an_animators(frames):
    at = np.array(frames, dtype=float)
    mine, stretches = find_manual_edits(at, at / 7, (at, at / 7))
    assert not mine.any() and not len(stretches) and outside_ranges(at, stretches).all()


@given(FRAMES, st.data())
def test_whatever_was_moved_made_or_deleted_is_the_animators_and_the_rest_is_not(frames, data):
    baked = np.array(frames, dtype=float)
    deleted = data.draw(st.sets(st.sampled_from(frames), max_size=len(frames) - 1))
    raised = data.draw(st.sets(st.sampled_from(frames))) - deleted
    made = data.draw(st.sets(st.integers(0, 200).map(lambda f: f + 0.5), max_size=5))
    now = np.array(sorted((set(frames) - deleted) | made))
    values = np.where(np.isin(now, list(raised)), 0.5, 0.0)
    mine, stretches = find_manual_edits(now, values, (baked, np.zeros(len(baked))))
    assert set(now[mine]) == raised | made
    assert not outside_ranges(np.array(sorted(deleted), dtype=float), stretches).any() if deleted else True
    untouched = [f for f in now[~mine] if not any(a < f < b for a, b in stretches)]
    assert len(untouched) == (~mine).sum()  # an animator's stretch ends at the neighbours, which are not in it


def test_a_curve_of_which_no_bake_is_known_is_all_the_animators():
    mine, stretches = find_manual_edits(np.arange(3.0), np.zeros(3), (np.zeros(0), np.zeros(0)))
    assert mine.all() and not outside_ranges(np.arange(10.0), stretches).any()


def test_a_curve_whose_keys_are_all_deleted_stays_empty():
    _, stretches = find_manual_edits(np.zeros(0), np.zeros(0), (np.arange(5.0), np.zeros(5)))
    assert not outside_ranges(np.arange(10.0), stretches).any()
