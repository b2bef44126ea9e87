"""What `vizsla check` looks for, one small class each."""
