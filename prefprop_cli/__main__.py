"""The entry point of `prefprop` and of `python -m prefprop_cli`."""

import sys

from prefprop_cli.errors import NOT_ON_WINDOWS, UsageError


def main() -> int:
    """Run the program, or say at once where it runs; return the exit code."""
    if sys.platform == "win32":
        print(f"error: {NOT_ON_WINDOWS}", file=sys.stderr)
        return UsageError.exit_code
    # Only now: its imports fail on Windows.
    from prefprop_cli.cli.app import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
