from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, GROUPS
from innerface.core.hybrid.ranges import Occlusion, merge_ranges, parse_ranges, row_mask, runs, sample_mask


def test_a_range_without_a_group_is_one_of_every_group():
    said = parse_ranges(["1:2.5", "3:4:brow"], 10.0, "w.csv")
    assert [(r.start, r.end, r.group) for r in said] == [*((1.0, 2.5, g) for g in GROUPS), (3.0, 4.0, "brow")]


@pytest.mark.parametrize(
    "text", ["4:2", "3", "a:b", "1:2:lips", "-1:2", "9:11", "nan:2", "1:inf", "1:1", "1:2:mouth:x", ""]
)
def test_invalid_ranges_are_errors_in_one_line(text):
    with pytest.raises(InnerfaceError) as said:
        parse_ranges([text], 10.0, "w.csv")
    assert text in str(said.value) and "\n" not in str(said.value)


def test_both_ends_of_a_range_belong_to_it_whatever_the_clock():
    time = 70000.0 + np.arange(30) / 30
    assert np.flatnonzero(row_mask([Occlusion(0.1, 0.2, "mouth")], time, "mouth")).tolist() == [3, 4, 5, 6]
    hidden = sample_mask([Occlusion(0.1, 0.2, "mouth")], time)
    assert (
        hidden[3, ARKIT.index("jawOpen")]
        and not hidden[:, ARKIT.index("browInnerUp")].any()
        and hidden.sum() == 4 * len(GROUPS["mouth"])
    )


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0.01, 3), st.sampled_from(list(GROUPS)))))
def test_merging_covers_the_same_rows_and_leaves_no_overlap(found):
    ranges = [Occlusion(a, a + d, g) for a, d, g in found]
    time = np.arange(400) / 30
    out = merge_ranges(ranges)
    assert (sample_mask(out, time) == sample_mask(ranges, time)).all()
    for group in GROUPS:
        own = sorted((r.start, r.end) for r in out if r.group == group)
        assert all(b[0] > a[1] for a, b in pairwise(own))


@given(st.lists(st.booleans(), max_size=60))
def test_runs_give_the_flags_back(flags):
    out = np.zeros(len(flags), dtype=bool)
    for a, b in runs(np.array(flags, dtype=bool)):
        out[a:b] = True
    assert out.tolist() == flags
