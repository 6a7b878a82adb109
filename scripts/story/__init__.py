"""The demo: the Fuzemen community repairs its gate, from an empty machine to the record."""
