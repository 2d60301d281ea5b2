"""Pallas kernels: ``pallas_call`` read for a generic program of the grid."""
