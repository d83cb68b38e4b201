"""The `secretgate` command, also as `python -m secretgate`: Ctrl-C ends it quietly from the start.

Its modules take a moment to import, so nothing is imported before that is taken care of.
"""

INTERRUPTED = 130
"""The exit code of what SIGINT ended, as shells report it."""


def main() -> None:
    try:
        from secretgate import cli

        cli.main()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
