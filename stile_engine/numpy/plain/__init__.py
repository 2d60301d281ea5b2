"""Capture of plain, unmodified NumPy kernels: the function runs once on symbolic arrays."""
