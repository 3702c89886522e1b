"""`python -m connector`, and the command `connector`."""

import signal

from connector.loading import loading


def run() -> None:
    """Run the command line; a Ctrl-C during loading ends it silently."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    with loading():
        from connector.cli import main  # noqa: PLC0415

    signal.signal(signal.SIGINT, before)
    main()


if __name__ == "__main__":
    run()
