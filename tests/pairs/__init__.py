"""Pairs of spec expressions whose truth is known without the prover: made, rewritten, broken and evaluated here.

Nothing in this package imports the engine: an expression is a tree of its own (``terms``), printed as
a spec and evaluated by the definitions (``meaning``).
"""
