"""How hunts run: the engine knows no hunt by name. Read `runner.py` first."""
