"""Schema changes, oldest first in versions/. `data.store.migrate` runs them."""
