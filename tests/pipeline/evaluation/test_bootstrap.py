import numpy as np

from pipeline.evaluation.bootstrap import estimate, track_sums


def test_the_interval_covers_a_known_mean_at_its_level() -> None:
    rng = np.random.default_rng(0)
    value = rng.exponential(2.0, size=(150, 200))  # 200 data sets of 150 tracks, mean 2
    sums = track_sums(value, np.ones_like(value, bool), track=np.arange(150))
    found = estimate(sums, num_resamples=500, seed=0)
    assert 0.90 <= ((found.low <= 2.0) & (found.high >= 2.0)).mean() <= 0.98
    assert np.allclose(found.value, value.mean(axis=0))


def test_tracks_are_resampled_not_windows() -> None:
    rng = np.random.default_rng(1)
    value = rng.normal(size=(30, 1))
    once = estimate(track_sums(value, np.ones((30, 1), bool), track=np.arange(30)), num_resamples=400, seed=3)
    copies = track_sums(np.repeat(value, 100, axis=0), np.ones((3000, 1), bool), track=np.repeat(np.arange(30), 100))
    often = estimate(copies, num_resamples=400, seed=3)
    assert np.allclose([once.low, once.high], [often.low, often.high])
    assert (often.num_agents, often.num_tracks) == (3000, 30)
    as_if_independent = track_sums(np.repeat(value, 100, axis=0), np.ones((3000, 1), bool), track=np.arange(3000))
    naive = estimate(as_if_independent, num_resamples=400, seed=3)
    assert (naive.high - naive.low < 0.2 * (often.high - often.low)).all()


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(2)
    base = rng.exponential(5.0, size=200)
    value = np.stack([base, base + 0.1, (base + 0.1) - base], axis=1)
    found = estimate(track_sums(value, np.ones_like(value, bool), track=np.arange(200)), num_resamples=300, seed=0)
    assert found.low[1] < found.high[0]  # apart, the two could be the same
    assert found.low[2] > 0.099


def test_nothing_and_one_track_have_no_interval() -> None:
    valid = np.array([[True, False, True], [False, False, True]])
    found = estimate(track_sums(np.ones((2, 3)), valid, track=np.array([7, 9])), num_resamples=50, seed=0)
    assert found.num_tracks.tolist() == [1, 0, 2]
    assert np.isnan(found.low).tolist() == [True, True, False]
    assert np.isnan(found.value).tolist() == [False, True, False]
