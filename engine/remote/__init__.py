"""What Graph, ARM and Teams have in common: clouds, sessions, credentials, retries, budgets.

What Microsoft does not document, and nobody could try, stands in `unconfirmed.py` and nowhere else.
"""
