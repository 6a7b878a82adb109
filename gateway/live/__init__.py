"""What happens on the ledger, told as it happens: streams for people, webhooks for systems."""
