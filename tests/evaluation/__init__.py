"""How well the hunts do, measured through the product itself; `make evaluate` writes docs/evaluation.md."""
