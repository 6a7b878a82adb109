"""Documents that the ledger names by their hashes: kept, checked, served, shared, swept."""
