"""What `scripts/bench` measures; each module is one benchmark with a `measure`."""
