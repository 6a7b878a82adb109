"""A sandbox identity authority: a program of its own that the gateway knows by HTTP alone."""
