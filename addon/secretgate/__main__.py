"""Makes `python -m secretgate` the same as `secretgate`."""

from secretgate.cli import main

main()
