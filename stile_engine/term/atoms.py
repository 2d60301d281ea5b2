"""Canonical scalar terms: nodes only. Hash-consed, so equal terms are one object.

A term is a polynomial with exact rational coefficients over atoms. ``Mono`` is a product of atom
powers and one exponential; ``Poly`` is a sum of monomials with coefficients. The laws that build
them live beside: ``ring.py`` (sums and products), ``powers.py``, ``sums.py``, ``extrema.py``,
``functions.py``.

Bound variables of a ``SumAtom`` or ``MaxAtom`` are named ``%h_i``, where ``h`` is one more than
the greatest such number inside: alpha-equal terms are identical, and an inner binder can never
capture a variable of an outer one.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.names import binder_number, combined
from stile_engine.index.sets import IndexSet
from stile_engine.term.expression import Tensor

Rational: TypeAlias = "int | Fraction"

_table: dict[tuple[object, ...], object] = {}


class Atom:
    """Base of atoms. ``digest`` orders terms by structure, the same way in every process."""

    __slots__ = ("digest", "height", "reads", "variables")

    digest: str
    variables: frozenset[str]
    """Free index variables."""
    height: int
    """Greatest binder number inside, in the conditions of domains and in the data of indices as well."""
    reads: frozenset[ReadAtom]
    """All element reads inside, at any depth."""


class ReadAtom(Atom):
    """One element of an input."""

    __slots__ = ("index", "tensor")
    tensor: Tensor
    index: tuple[Affine, ...]


class IndexAtom(Atom):
    """An index variable or floor division, used as a number."""

    __slots__ = ("index",)
    index: Affine


class ConstantAtom(Atom):
    """A named real number that is no rational: ``pi``."""

    __slots__ = ("name",)
    name: str


class SumAtom(Atom):
    """``sum`` (or ``prod``) of a monomial over bound variables in a domain.

    Without bound variables it is the indicator of its domain: 1 inside, 0 outside.
    """

    __slots__ = ("body", "bound", "domain", "operation")
    operation: str
    bound: tuple[str, ...]
    domain: IndexSet
    body: Poly


class MaxAtom(Atom):
    """The greatest value of several families ``(bound variables, domain, body)``.

    Finite: it is only made where some family is not empty and all bodies are finite.
    """

    __slots__ = ("pieces",)
    pieces: tuple[MaxPiece, ...]


class PowerAtom(Atom):
    """A polynomial that is no monomial, or a prime number: the base of a negative or broken power."""

    __slots__ = ("base",)
    base: Poly


class FunctionAtom(Atom):
    """A named function of a polynomial: log sin cos erf floor."""

    __slots__ = ("argument", "name")
    name: str
    argument: Poly


class MaxPiece:
    """``body`` for all values of ``bound`` in ``domain``."""

    __slots__ = ("body", "bound", "digest", "domain")

    def __init__(self, bound: tuple[str, ...], domain: IndexSet, body: Poly) -> None:
        self.bound = bound
        self.domain = domain
        self.body = body
        self.digest = combined(f"piece {len(bound)}", (domain.digest, body.digest))


_NOTHING: frozenset[str] = frozenset()
_NO_READS: frozenset[ReadAtom] = frozenset()


def read_atom(tensor: Tensor, index: tuple[Affine, ...]) -> ReadAtom:
    key = (ReadAtom, tensor, index)
    found = _table.get(key)
    if found is None:
        made = ReadAtom()
        made.tensor, made.index = tensor, index
        dims = ",".join(tensor.dims)
        made.digest = combined(f"read {tensor.name}:{dims}", [i.digest for i in index])
        made.variables = frozenset().union(*(i.variables for i in index)) if index else _NOTHING
        made.height = data.height_of(made.variables)
        made.reads = frozenset([made])
        found = _table[key] = made
    return found  # type: ignore[return-value]


def index_atom(index: Affine) -> IndexAtom:
    key = (IndexAtom, index)
    found = _table.get(key)
    if found is None:
        made = IndexAtom()
        made.index = index
        made.digest = combined("index", (index.digest,))
        made.variables, made.height, made.reads = index.variables, data.height_of(index.variables), _NO_READS
        found = _table[key] = made
    return found  # type: ignore[return-value]


def constant_atom(name: str) -> ConstantAtom:
    key = (ConstantAtom, name)
    found = _table.get(key)
    if found is None:
        made = ConstantAtom()
        made.name, made.digest = name, combined(f"constant {name}", ())
        made.variables, made.height, made.reads = _NOTHING, 0, _NO_READS
        found = _table[key] = made
    return found  # type: ignore[return-value]


def sum_atom(operation: str, bound: tuple[str, ...], domain: IndexSet, body: Poly) -> SumAtom:
    key = (SumAtom, operation, bound, domain, body)
    found = _table.get(key)
    if found is None:
        made = SumAtom()
        made.operation, made.bound, made.domain, made.body = operation, bound, domain, body
        made.digest = combined(f"{operation} {len(bound)}", (domain.digest, body.digest))
        made.variables = data.without(body.variables | domain.variables, bound)
        made.height = max(body.height, binder_number(bound), data.height_of(domain.variables))
        made.reads = body.reads
        found = _table[key] = made
    return found  # type: ignore[return-value]


def max_atom(pieces: tuple[MaxPiece, ...]) -> MaxAtom:
    pieces = tuple(sorted(pieces, key=lambda p: p.digest))
    digest = combined("max", [p.digest for p in pieces])
    # digests do not tell tensors of different sizes apart: the parts themselves are the key
    key = (MaxAtom, *((p.bound, p.domain, p.body) for p in pieces))
    found = _table.get(key)
    if found is None:
        made = MaxAtom()
        made.pieces, made.digest = pieces, digest
        variables: set[str] = set()
        reads: set[ReadAtom] = set()
        for piece in pieces:
            variables |= data.without(piece.body.variables | piece.domain.variables, piece.bound)
            reads |= piece.body.reads
        made.variables, made.reads = frozenset(variables), frozenset(reads)
        made.height = max(
            max(p.body.height, binder_number(p.bound), data.height_of(p.domain.variables)) for p in pieces
        )
        found = _table[key] = made
    return found  # type: ignore[return-value]


def power_atom(base: Poly) -> PowerAtom:
    key = (PowerAtom, base)
    found = _table.get(key)
    if found is None:
        made = PowerAtom()
        made.base, made.digest = base, combined("power", (base.digest,))
        made.variables, made.height, made.reads = base.variables, base.height, base.reads
        found = _table[key] = made
    return found  # type: ignore[return-value]


def function_atom(name: str, argument: Poly) -> FunctionAtom:
    key = (FunctionAtom, name, argument)
    found = _table.get(key)
    if found is None:
        made = FunctionAtom()
        made.name, made.argument, made.digest = name, argument, combined(f"function {name}", (argument.digest,))
        made.variables, made.height, made.reads = argument.variables, argument.height, argument.reads
        found = _table[key] = made
    return found  # type: ignore[return-value]


Factor: TypeAlias = tuple[Atom, "Rational"]


class Mono:
    """``prod(atom ** exponent) * exp(exponential)``; ``exponential`` None stands for 0."""

    __slots__ = ("_digest", "_plain", "_poly", "atom", "exponential", "factors", "height", "reads", "sums", "variables")

    factors: tuple[Factor, ...]
    exponential: Poly | None
    atom: Atom | None
    """The atom, if this is one and nothing else."""
    sums: tuple[SumAtom, ...]
    """The factors that are sums, to the power of one."""
    variables: frozenset[str]
    height: int
    reads: frozenset[ReadAtom]
    _digest: str | None
    _plain: str | None
    _poly: Poly | None

    @property
    def plain_digest(self) -> str:
        """Digest of the factors alone."""
        if self._plain is None:
            powers = ",".join([str(e) for _, e in self.factors])
            self._plain = combined(f"mono {powers}", [a.digest for a, _ in self.factors])
        return self._plain

    @property
    def digest(self) -> str:
        if self._digest is None:
            plain = self.plain_digest
            self._digest = plain if self.exponential is None else combined("exp", (plain, self.exponential.digest))
        return self._digest


def mono(factors: tuple[Factor, ...], exponential: Poly | None = None) -> Mono:
    """Factors must be sorted by ``digest`` and have non-zero exponents."""
    key = (Mono, factors, exponential)
    found = _table.get(key)
    if found is None:
        made = Mono()
        made.factors, made.exponential = factors, exponential
        made.atom = factors[0][0] if exponential is None and len(factors) == 1 and factors[0][1] == 1 else None
        made._digest = made._plain = made._poly = None
        made.sums = tuple(a for a, e in factors if isinstance(a, SumAtom) and e == 1 and a.operation == "sum")
        variables, reads, height = _NOTHING, _NO_READS, 0
        for atom, _ in factors:
            variables |= atom.variables
            reads |= atom.reads
            height = max(height, atom.height)
        if exponential is not None:
            variables |= exponential.variables
            reads |= exponential.reads
            height = max(height, exponential.height)
        made.variables, made.reads, made.height = variables, reads, height
        found = _table[key] = made
    return found  # type: ignore[return-value]


UNIT = mono(())


def _exact(number: Rational) -> str:
    """The number as text, a long one in base 16: Python refuses to write out many digits in base 10."""
    if max(abs(number.numerator), number.denominator) < 1 << 4096:
        return str(number)
    return f"{number.numerator:x}/{number.denominator:x}"


class Poly:
    """A sum of monomials with rational coefficients, sorted by digest. Compare with ``is``."""

    __slots__ = ("_digest", "_negative", "height", "reads", "terms", "variables")

    terms: tuple[tuple[Mono, Rational], ...]
    _digest: str | None
    _negative: Poly | None
    variables: frozenset[str]
    height: int
    reads: frozenset[ReadAtom]

    @property
    def digest(self) -> str:
        """Orders terms by structure; worked out when it is first asked for."""
        if self._digest is None:
            coefficients = ",".join([_exact(c) for _, c in self.terms])
            self._digest = combined(f"poly {coefficients}", [m.digest for m, _ in self.terms])
        return self._digest

    @property
    def is_zero(self) -> bool:
        return not self.terms

    @property
    def constant(self) -> Rational | None:
        """The number, if this is one."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and self.terms[0][0] is UNIT:
            return self.terms[0][1]
        return None

    @property
    def single(self) -> tuple[Mono, Rational] | None:
        return self.terms[0] if len(self.terms) == 1 else None

    @property
    def atom(self) -> Atom | None:
        """The atom, if this is one and nothing else."""
        return self.terms[0][0].atom if len(self.terms) == 1 and self.terms[0][1] == 1 else None

    def __repr__(self) -> str:
        from stile_engine.term.printing import show

        return show(self)


_polys: dict[tuple[object, ...], Poly] = {}


def poly(terms: dict[Mono, Rational]) -> Poly:
    """The polynomial with these coefficients; zero ones are dropped."""
    kept = [(m, c) for m, c in terms.items() if c]
    # numerators and denominators: the hash of a fraction is slow
    key: list[object] = []
    if len(kept) > 1:
        kept.sort(key=_by_digest)
    for m, c in kept:
        if type(c) is int:
            key += (m, c)
        elif c.denominator == 1:
            return poly({n: ratio(d) for n, d in kept})
        else:
            key += (m, c.numerator, c.denominator)
    of_these = tuple(key)
    found = _polys.get(of_these)
    if found is None:
        found = _polys[of_these] = Poly()
        found.terms = tuple(kept)
        found._digest = found._negative = None
        variables, reads, height = _NOTHING, _NO_READS, 0
        for m, _ in kept:
            variables |= m.variables
            reads |= m.reads
            height = max(height, m.height)
        found.variables, found.reads, found.height = variables, reads, height
    return found


def negative(operand: Poly) -> Poly:
    found = operand._negative
    if found is None:
        found = operand._negative = poly({m: -c for m, c in operand.terms})
        found._negative = operand
    return found


def _by_digest(term: tuple[Mono, Rational]) -> str:
    return term[0].digest


def ratio(value: Rational) -> Rational:
    """An integer where the value is one: small integers are much faster than fractions."""
    if type(value) is not int and value.denominator == 1:
        return int(value.numerator)
    return value


def times(left: Rational, right: Rational) -> Rational:
    """The product; most are by one."""
    if type(left) is int and type(right) is int:
        return left * right
    if left == 1:
        return right
    if right == 1:
        return left
    return ratio(left * right)


@lru_cache(maxsize=4096)
def constant(value: Rational) -> Poly:
    return poly({UNIT: ratio(value)})


ZERO = poly({})
ONE = poly({UNIT: 1})
MINUS_ONE = poly({UNIT: -1})


def of_atom(atom: Atom, exponent: Rational = 1) -> Poly:
    """The atom itself, or a power that needs no law."""
    return poly({mono(((atom, exponent),)): 1})


def of_mono(m: Mono, coefficient: Rational = 1) -> Poly:
    if coefficient != 1:
        return poly({m: coefficient})
    found = m._poly
    if found is None:
        found = m._poly = poly({m: 1})
    return found
