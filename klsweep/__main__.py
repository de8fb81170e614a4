"""`python -m klsweep` is `klsweep`."""

from klsweep.cli import main

if __name__ == "__main__":
    main()
