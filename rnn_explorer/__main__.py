"""`python -m rnn_explorer`: see `rnn_explorer.cli`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from rnn_explorer.cli import main

        status = main()
    except KeyboardInterrupt:  # before or after the training, which listens for it itself
        status = 130
    sys.exit(status)
