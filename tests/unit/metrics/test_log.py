"""How far somebody is behind, and for how long: seen by looking now and then."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.metrics.log import Lag


def test_at_the_end_there_is_no_lag() -> None:
    lag = Lag()
    lag.look(5, 5, 100.0)
    assert (lag.behind, lag.age_s(107.0)) == (0, 0.0)


def test_who_stands_still_is_behind_since_it_was_last_at_the_end() -> None:
    lag = Lag()
    for now, end in ((100.0, 5), (105.0, 9), (110.0, 12), (115.0, 12)):
        lag.look(5, end, now)
    assert (lag.behind, lag.age_s(116.0)) == (7, 16.0)


def test_an_end_that_is_ahead_at_first_sight_is_counted_from_there() -> None:
    lag = Lag()
    lag.look(0, 1000, 100.0)
    assert lag.age_s(100.0) == 0.0
    lag.look(500, 1000, 105.0)
    assert (lag.behind, lag.age_s(105.0)) == (500, 5.0)


def test_to_follow_a_moving_end_is_no_growing_lag() -> None:
    # given an end that moves by 100 each second, and somebody who is 3 s behind it always
    lag, ages = Lag(), []
    for now in range(1000, 1300, 5):
        lag.look((now - 3) * 100, now * 100, now)
        ages.append(lag.age_s(now))
    # then the age is about that, not the time since it last stood at the very end
    assert max(ages) <= 2 * max(3, 5)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1))
def test_the_age_is_nothing_exactly_at_the_end_and_never_older_than_the_first_look(steps: list[tuple[int, int]]) -> None:
    lag, position, end = Lag(), 0, 0
    for now, (read, appended) in enumerate(steps, start=1):
        end += appended
        position = min(end, position + read)
        lag.look(position, end, now)
        assert lag.behind == end - position
        assert (lag.since is None) == (position == end)
        assert 0 <= lag.age_s(now) < now
