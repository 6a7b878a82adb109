"""What the regulator does off the ledger: who owners are, and which random ids they have there."""
