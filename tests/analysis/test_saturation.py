from __future__ import annotations

import numpy as np

from rnn_explorer.analysis.saturation import saturation, share

# two sequences of three steps, two units
VALUES = np.array(
    [
        [[0.05, 0.95], [0.5, 0.95], [0.02, 0.1]],
        [[0.91, 0.9], [0.01, 0.99], [0.0, 0.0]],
    ]
)


def test_by_hand_over_all_steps() -> None:
    shares = saturation(VALUES)
    np.testing.assert_allclose(shares.below, [4 / 6, 1 / 6])  # 0.1 itself is not below 0.1
    np.testing.assert_allclose(shares.above, [1 / 6, 3 / 6])  # nor 0.9 above 0.9


def test_by_hand_without_the_padding() -> None:
    shares = saturation(VALUES, lengths=np.array([3, 1]))  # of the second sequence only the first step is real
    np.testing.assert_allclose(shares.below, [2 / 4, 0])
    np.testing.assert_allclose(shares.above, [1 / 4, 2 / 4])


def test_nothing_to_count_gives_zero() -> None:
    assert np.all(saturation(np.zeros((0, 3, 2))).below == 0)
    assert np.all(saturation(VALUES, lengths=np.zeros(2, dtype=int)).below == 0)


def test_share_of_any_condition() -> None:
    np.testing.assert_allclose(share(VALUES == 0), [1 / 6, 1 / 6])
