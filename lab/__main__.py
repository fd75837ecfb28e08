"""`python -m lab`: see `python -m lab --help`."""

from lab.cli import main

main()
