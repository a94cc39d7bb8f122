from innerface.models.training.budget import Budget


def test_a_budget_ends_at_whichever_limit_is_reached_first():
    assert Budget().spent(1e9, 10**9) == 0
    assert Budget(minutes=2).spent(60, 10**9) == 0.5
    assert Budget(steps=10).spent(1e9, 5) == 0.5
    assert Budget(minutes=2, steps=10).spent(60, 8) == 0.8
