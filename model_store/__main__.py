"""`python -m model_store` is `model-store`: see cli/."""

from model_store.cli import main

if __name__ == "__main__":
    main()
