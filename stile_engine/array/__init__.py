"""Arrays without numbers, and what the primitive operations of array languages make of them, for all frameworks."""
