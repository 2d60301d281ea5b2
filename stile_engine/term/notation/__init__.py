"""Canonical terms as people read them: spec syntax that parses back, Unicode mathematics, LaTeX."""
