"""`python -m auscult` is the same as `auscult`."""

from auscult.cli.main import main

if __name__ == "__main__":
    main()
