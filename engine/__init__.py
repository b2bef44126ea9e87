"""How hunts run: the engine knows no hunt by name. Read `runner.py` first."""

VERSION = "0.1.0"
