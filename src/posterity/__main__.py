"""``python -m posterity``."""

from posterity.cli import app

if __name__ == "__main__":
    app()
