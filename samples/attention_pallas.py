"""Causal flash attention as a Pallas kernel, read without running it.

The loop over blocks of keys is solved by induction, and one generic program stands for the whole grid:
a longer sequence takes no longer to prove.
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from stile_engine import dim, kernel

Q, N, D = dim("Q", 64), dim("N", 64), dim("D", 4)
T = 8
CAUSAL = "(softmax[N where N <= Q]((Qm:Q D, K:N D -> Q N) / sqrt(size(D))), V:N D -> Q D)"


def flash_kernel(q_ref, k_ref, v_ref, o_ref):
    i = pl.program_id(0)
    q = q_ref[...] / 2

    def body(j, carry):
        m, l, acc = carry
        here = pl.ds(j * T, T)
        s = q @ k_ref[here, :].T
        visible = j * T + jnp.arange(T)[None, :] <= i * T + jnp.arange(T)[:, None]
        s = jnp.where(visible, s, -jnp.inf)
        new = jnp.maximum(m, s.max(axis=1))
        scale = jnp.exp(m - new)
        p = jnp.exp(s - new[:, None])
        return new, l * scale + p.sum(axis=1), acc * scale[:, None] + p @ v_ref[here, :]

    start = jnp.full((T,), -jnp.inf), jnp.zeros((T,)), jnp.zeros((T, D))
    m, l, acc = jax.lax.fori_loop(0, i + 1, body, start)
    o_ref[...] = (acc / l[:, None]).astype(o_ref.dtype)


@kernel(CAUSAL)
def flash_attention(Qm, K, V):  # proved
    return pl.pallas_call(
        flash_kernel,
        out_shape=jax.ShapeDtypeStruct(Qm.shape, Qm.dtype),
        grid=(Q // T,),
        in_specs=[
            pl.BlockSpec((T, D), lambda i: (i, 0)),
            pl.BlockSpec((N, D), lambda i: (0, 0)),
            pl.BlockSpec((N, D), lambda i: (0, 0)),
        ],
        out_specs=pl.BlockSpec((T, D), lambda i: (i, 0)),
        interpret=True,
    )(Qm, K, V)
