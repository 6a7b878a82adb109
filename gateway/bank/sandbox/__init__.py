"""A bank to practise with: a program of its own, which the adapter does not know.

It keeps real books in SQLite and speaks exactly the messages of `gateway.bank`, over a folder or
HTTP. It can be told to reject, delay, repeat, reorder, return or part-accept. Same seed, same
commands: same messages, byte for byte; no clock and no randomness from outside enter a message.
"""
