"""What Graph, ARM and Teams have in common: sessions, credentials, retries, budgets."""
