"""`python -m selfscope` is the command line."""

from selfscope.cli import main

if __name__ == "__main__":
    main()
