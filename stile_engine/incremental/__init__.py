"""What a result depends on, and whether an earlier one still holds. Reads texts and runs nothing of them."""
