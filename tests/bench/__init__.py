"""How fast the engine is: `make bench` prints it, with `--write` docs/evaluation.md gets it too."""
