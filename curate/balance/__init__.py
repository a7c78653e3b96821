"""Balance: choosing from a pool by quotas, and how even and varied a selection is."""
