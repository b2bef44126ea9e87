"""Adaptive Cards for Teams: what they are made of, how much fits, and the cards of a finding and of a digest."""
