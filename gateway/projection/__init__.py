"""The read model: what the blocks of the channels say, in tables that can be searched."""
