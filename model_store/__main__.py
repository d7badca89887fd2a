"""`python -m model_store`: see cli.py."""

from model_store.cli import main

if __name__ == "__main__":
    main()
