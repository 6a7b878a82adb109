"""The transaction functions: decode, authorise, load, apply the rule, save, announce."""
