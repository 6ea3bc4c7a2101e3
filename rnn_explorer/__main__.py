"""`rnn-explorer` and `python -m rnn_explorer`: see `rnn_explorer.cli`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from rnn_explorer.cli import main as command_line

        return command_line()
    except KeyboardInterrupt:  # before or after the training, which listens for it itself
        return 130


if __name__ == "__main__":
    sys.exit(main())
