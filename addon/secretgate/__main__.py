"""`python -m secretgate` is `secretgate`."""

from secretgate.cli import main

main()
