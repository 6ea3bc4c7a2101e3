"""Where the training, the validation and the test part of something ordered begin and end."""

from __future__ import annotations

from rnn_explorer.tasks.base import Split


def split_in_order(count: int, least: int, val_split: float, test_share: float) -> dict[Split, tuple[int, int]]:
    """Split something ordered, such as a series by time, into three parts that follow each other.

    Args:
        count: values, at least 3 * least.
        least: values that the validation and the test part have at least.
        val_split: share of what is before the test part that is the validation part; 0 for no such part.
        test_share: share of all that is the test part, at the end.

    Returns:
        The first position of each part and the one after its last.

    Example:
        >>> split_in_order(100, 5, 0.25, 0.2)
        {'train': (0, 60), 'validation': (60, 80), 'test': (80, 100)}
    """
    test = max(round(test_share * count), least)
    validation = max(round(val_split * (count - test)), least) if val_split > 0 else 0
    train = count - test - validation
    return {"train": (0, train), "validation": (train, train + validation), "test": (train + validation, count)}
