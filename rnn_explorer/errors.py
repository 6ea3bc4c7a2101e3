"""The one distinction between errors that the whole program relies on: the user's mistake, or ours."""

from __future__ import annotations


class UserError(ValueError):
    """Input that cannot be used. The message is one sentence for the user: what is wrong, and what to do.

    The command line, a page and a worker's reply show the message of a `UserError` and of
    nothing else. Any other exception is a fault of the program: it is logged with its traceback, and the user reads
    one plain sentence that says so.

    Example:
        >>> import rnn_explorer as rx
        >>> try:
        ...     rx.train("flip_flop", cell="gru", hidden_size=0)
        ... except rx.UserError as error:
        ...     print(error)
        hidden_size is 0, but must be a whole number from 1 to 256.
    """
