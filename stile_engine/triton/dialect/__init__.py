"""Typed Triton kernels: slices of dims in the place of addresses and masks, lowered to plain Triton."""
