"""The nouns. Frozen values that every room shares and that know no room."""
