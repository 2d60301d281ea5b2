from stile_engine import dim

M, N, K = dim("M", 64), dim("N", 64), dim("K", 64)


@kernel("2 * (M N, N K -> M K)")
def wrong(a, b):
    tile_a = a.slice(M, 0, 16)
    tile_b = b.slice(M, 0, 16)
    return tile_a @ tile_b * 4


@kernel("M K")
def mismatch(a, b):
    tile_a = a.slice(M, 0, 16)
    tile_b = b.slice(M, 16, 32)
    total = tile_a + tile_b
    return total
