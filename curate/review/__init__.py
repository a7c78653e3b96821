"""Review: the store of items and decisions, what goes out to people and what comes back."""
