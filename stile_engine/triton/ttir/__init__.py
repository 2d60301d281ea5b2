"""TTIR, the form of a kernel that Triton's compiler makes first: its text and its syntax tree.

Nothing here knows what an operation means, nor imports Triton.
"""
