from hcs_stream.pipeline._pace import Pace


def test_it_is_due_at_first_and_again_after_so_many_seconds() -> None:
    times = iter([0.0, 0.5, 1.0, 1.5, 9.0])
    pace = Pace(1.0, lambda: next(times))

    assert [pace.is_due() for _ in range(5)] == [True, False, True, False, True]
