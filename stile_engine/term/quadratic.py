"""The sign of a term that is a quadratic form: ``x**2 + x + 1``, ``n * sum(x**2) - sum(x)**2 + eps``.

The term is written as ``v Q v`` with monomials ``v``. A sum over a domain of n points is split into
mean and deviation: sum f g = sum d_f d_g + n mean(f) mean(g), and sum f = n mean(f). The term is not
negative where both forms, that of the deviations and that of the means and plain monomials, have no
negative direction, which elimination with exact rationals decides; and it is positive where the
number 1 keeps a positive pivot after all others.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from stile_engine.index.sets import EMPTY, IndexSet
from stile_engine.term.atoms import (
    UNIT,
    Atom,
    Mono,
    Poly,
    Rational,
    SumAtom,
    mono,
    of_mono,
    poly,
    ratio,
    sum_atom,
)

_MOST_TERMS = 36
_MOST_DOMAINS = 6
_NEGATIVE, _ZERO = 1, 2  # as in ``signs``, which asks here

_Domain = tuple[tuple[str, ...], IndexSet]
_Mean = tuple[_Domain, Mono]
"""The mean of a monomial over a domain; ``(None, m)`` is the plain monomial m."""
_Coordinate = tuple[_Domain | None, Mono]
_Form = dict[tuple[_Coordinate, _Coordinate], Fraction]


def at_least_zero(operand: Poly, sign_of: Callable[[Mono], int]) -> bool | None:
    """True: the term is positive. False: it is not negative. None: not shown. ``sign_of`` gives the
    possible signs of a monomial by its form."""
    if not 2 <= len(operand.terms) <= _MOST_TERMS:
        return None
    if not any(c > 0 and _half(m) is not None for m, c in _flat(operand)):
        return None
    return _Quadratic([(m, Fraction(c)) for m, c in _refined(operand).terms]).decide(sign_of)


def _flat(operand: Poly) -> list[tuple[Mono, Rational]]:
    """The terms with the bodies of plain sums in place of the sums."""
    found: list[tuple[Mono, Rational]] = []
    for m, c in operand.terms:
        single = _one_sum(m)
        found.append((_joined(single[1], single[2]), c) if single is not None else (m, c))
    return found


def _refined(operand: Poly) -> Poly:
    """Sums over several domains of one variable as sums over the parts that these cut one another into."""
    from stile_engine.term.ring import scale

    domains: dict[tuple[str, ...], dict[IndexSet, None]] = {}
    for m, _ in operand.terms:
        for a, _e in m.factors:
            if isinstance(a, SumAtom) and a.bound and a.operation == "sum":
                domains.setdefault(a.bound, {})[a.domain] = None
    if not any(1 < len(found) <= _MOST_DOMAINS for found in domains.values()):
        return operand
    parts: dict[tuple[str, ...], list[IndexSet]] = {}
    for bound, found in domains.items():
        if not 1 < len(found) <= _MOST_DOMAINS or any(d.variables != set(bound) for d in found):
            continue
        cells: list[IndexSet] = []
        for domain in found:
            outside = domain
            for cell in cells:
                outside = outside - cell
            cells = [c for cell in cells for c in (cell & domain, cell - domain) if c is not EMPTY]
            if outside is not EMPTY:
                cells.append(outside)
        parts[bound] = cells
    terms: list[Poly] = []
    for m, c in operand.terms:
        kept: list[tuple[Atom, Rational]] = []
        product = of_mono(UNIT)
        for a, e in m.factors:
            if not isinstance(a, SumAtom) or a.bound not in parts or e not in (1, 2):
                kept.append((a, e))
                continue
            # the parts are not merged again: that is what polynomials of sums do by themselves
            own = [cell for cell in parts[a.bound] if cell.issubset(a.domain)]
            pieces = {mono(((sum_atom("sum", a.bound, cell, a.body), 1),)): 1 for cell in own}
            for _ in range(int(e)):
                product = _plain_product(product, poly(dict(pieces)))
        terms.append(scale(_plain_product(of_mono(mono(tuple(kept), m.exponential)), product), c))
    total: dict[Mono, Rational] = {}
    for term in terms:
        for m, c in term.terms:
            total[m] = ratio(total.get(m, 0) + c)
    return poly(total)


def _plain_product(left: Poly, right: Poly) -> Poly:
    total: dict[Mono, Rational] = {}
    for m, c in left.terms:
        for n, d in right.terms:
            joined = _joined(m, n)
            total[joined] = ratio(total.get(joined, 0) + c * d)
    return poly(total)


class _Quadratic:
    """Two symmetric forms, filled term by term: squares first, so that they say which monomials there are."""

    def __init__(self, terms: list[tuple[Mono, Fraction]]) -> None:
        self._terms = terms

    def decide(self, sign_of: Callable[[Mono], int]) -> bool | None:
        means: _Form = {}
        deviations: dict[_Domain, _Form] = {}
        functions: dict[_Domain, dict[Mono, None]] = {}
        scalars: dict[Mono, None] = {UNIT: None}
        for m, c in self._terms:
            single = _one_sum(m)
            if single is not None:
                root = _half(_joined(single[1], single[2]))
                if root is not None and c > 0:
                    functions.setdefault(single[0], {})[root] = None
            elif not any(isinstance(a, SumAtom) and a.bound for a, _ in m.factors):
                root = _half(m)
                if root is not None and c > 0:
                    scalars[root] = None
        left_over = False
        for m, c in self._terms:
            if not self._place(m, c, means, deviations, functions, scalars):
                mask = sign_of(m)
                # what is not negative by itself may be left out; it makes the rest no smaller
                if c < 0 or mask & _NEGATIVE:
                    return None
                left_over = left_over or not mask & _ZERO
        if any(_pivots(form, None) is None for form in deviations.values()):
            return None
        last = _pivots(means, (None, UNIT))
        return None if last is None else left_over or last > 0

    def _place(
        self,
        m: Mono,
        c: Fraction,
        means: _Form,
        deviations: dict[_Domain, _Form],
        functions: dict[_Domain, dict[Mono, None]],
        scalars: dict[Mono, None],
    ) -> bool:
        single = _one_sum(m)
        if single is not None:
            domain, rest, body = single
            whole = _joined(rest, body)
            known = functions.get(domain, {})
            count = _count(domain)
            pair = _as_product(whole, known, c)
            if pair is not None:
                f, g = pair
                _add(deviations.setdefault(domain, {}), (domain, f), (domain, g), c)
                if count is not None:
                    _add(means, (domain, f), (domain, g), c * count)
                # else: sum f g <= the part of the deviations alone, which is counted without the means
                return True
            if count is None:
                return False
            # sum (s * f) = s * n * mean(f) for a plain monomial s
            for f in known:
                rest_of = _quotient(whole, f)
                if rest_of is not None and rest_of in scalars:
                    _add(means, (domain, f), (None, rest_of), c * count)
                    return True
            return False
        two = _two_sums(m)
        if two is not None:
            (domain, first), (other, second) = two
            if domain not in functions or other not in functions:
                return False
            if first not in functions[domain] or second not in functions[other]:
                return False
            counts = _count(domain), _count(other)
            if counts[0] is None or counts[1] is None:
                return False
            _add(means, (domain, first), (other, second), c * counts[0] * counts[1])
            return True
        if any(isinstance(a, SumAtom) and a.bound for a, _ in m.factors):
            return False
        plain = _as_product(m, scalars, c)
        if plain is None:
            return False
        _add(means, (None, plain[0]), (None, plain[1]), c)
        return True


def _add(form: _Form, left: _Coordinate, right: _Coordinate, c: Fraction) -> None:
    """``c * left * right`` into the symmetric matrix."""
    for key in ((left, right), (right, left)):
        form[key] = form.get(key, Fraction(0)) + c / 2


def _pivots(form: _Form, last: _Coordinate | None) -> Fraction | None:
    """The pivot of ``last`` after all others are eliminated; None if the form has a negative direction."""
    names = list(dict.fromkeys(a for a, _ in form))
    if last is not None:
        names = [n for n in names if n != last] + [last]
    matrix = [[form.get((a, b), Fraction(0)) for b in names] for a in names]
    pivot = Fraction(0)
    for i, row in enumerate(matrix):
        pivot = row[i]
        if pivot < 0 or (pivot == 0 and any(row[i + 1 :])):
            return None
        for j in range(i + 1, len(names)):
            factor = matrix[j][i] / pivot if pivot else Fraction(0)
            if factor:
                matrix[j] = [x - factor * y for x, y in zip(matrix[j], row, strict=True)]
    return pivot


def _count(domain: _Domain) -> int | None:
    return domain[1].count(domain[0])


def _one_sum(m: Mono) -> tuple[_Domain, Mono, Mono] | None:
    """``(domain, s, f)`` for ``s * sum over the domain of f``."""
    sums = [(a, e) for a, e in m.factors if isinstance(a, SumAtom) and a.bound]
    if len(sums) != 1 or sums[0][1] != 1 or sums[0][0].operation != "sum":
        return None
    atom = sums[0][0]
    body = atom.body.single
    if body is None or body[1] != 1:
        return None
    rest = mono(tuple(f for f in m.factors if f[0] is not atom), m.exponential)
    return (atom.bound, atom.domain), rest, body[0]


def _two_sums(m: Mono) -> tuple[_Mean, _Mean] | None:
    """The two functions of ``s * t * sum(f) * sum(g)``: s * f and t * g, for s = t or none."""
    sums = [(a, e) for a, e in m.factors if isinstance(a, SumAtom) and a.bound]
    rest = mono(tuple(f for f in m.factors if not (isinstance(f[0], SumAtom) and f[0].bound)), m.exponential)
    atoms: list[SumAtom] = [a for a, e in sums for _ in range(int(e) if e in (1, 2) else 3)]
    root = _half(rest)
    if len(atoms) != 2 or root is None or any(a.operation != "sum" for a in atoms):
        return None
    found: list[_Mean] = []
    for atom in atoms:
        body = atom.body.single
        if body is None or body[1] != 1:
            return None
        found.append(((atom.bound, atom.domain), _joined(root, body[0])))
    return found[0], found[1]


def _half(m: Mono) -> Mono | None:
    """The monomial whose square this is, if its powers are even and whole."""
    if any(not isinstance(e, int) or e % 2 for _, e in m.factors):
        return None
    from stile_engine.term.ring import scale

    half = scale(m.exponential, Fraction(1, 2)) if m.exponential is not None else None
    return mono(tuple((a, e // 2) for a, e in m.factors if isinstance(e, int)), half)


def _joined(left: Mono, right: Mono) -> Mono:
    """The product as it stands: no law is needed to read off its factors."""
    from stile_engine.term.ring import add

    exponents: dict[Atom, Rational] = dict(left.factors)
    for a, e in right.factors:
        exponents[a] = ratio(exponents.get(a, 0) + e)
    exponential = left.exponential
    if right.exponential is not None:
        exponential = right.exponential if exponential is None else add(exponential, right.exponential)
        if not exponential.terms:
            exponential = None
    factors = sorted(((a, e) for a, e in exponents.items() if e), key=lambda f: f[0].digest)
    return mono(tuple(factors), exponential)


def _quotient(whole: Mono, part: Mono) -> Mono:
    from stile_engine.term.ring import negate

    inverse = mono(
        tuple((a, ratio(-e)) for a, e in part.factors), negate(part.exponential) if part.exponential else None
    )
    return _joined(whole, inverse)


def _as_product(m: Mono, known: dict[Mono, None], c: Fraction) -> tuple[Mono, Mono] | None:
    """Two of the known monomials whose product this is: a positive square is one of them twice."""
    if c > 0:
        root = _half(m)
        if root is not None and root in known:
            return root, root
    for f in known:
        g = _quotient(m, f)
        if g in known and g is not f:
            return f, g
    return None
