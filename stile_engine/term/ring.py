"""Sums, products and substitution of canonical terms.

Products merge atom powers and add exponentials. Sums merge ``sum`` atoms over different domains of
one body into level sets: each element is counted as often as it was counted, so overlaps keep
their multiplicity and disjoint tiles become one domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from stile_engine.index.affine import Affine
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.index.work import BudgetExceeded, spend
from stile_engine.term.atoms import (
    ONE,
    UNIT,
    ZERO,
    Atom,
    ConstantAtom,
    Factor,
    FunctionAtom,
    IndexAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    ReadAtom,
    SumAtom,
    constant,
    index_atom,
    mono,
    negative,
    of_atom,
    of_mono,
    poly,
    ratio,
    read_atom,
    times,
)

_products: dict[tuple[Poly, Poly], Poly] = {}
_mono_products: dict[tuple[Mono, Mono], Mono | Poly] = {}
_substitutions: dict[tuple[object, ...], Poly] = {}


def add(left: Poly, right: Poly) -> Poly:
    if not left.terms:
        return right
    if not right.terms:
        return left
    spend()
    total = dict(left.terms)
    _add_terms(total, right)
    return _collect(total)


def _add_terms(total: dict[Mono, Rational], operand: Poly, factor: Rational = 1) -> None:
    for m, c in operand.terms:
        if factor != 1:
            c = times(c, factor)
        known = total.get(m)
        total[m] = c if known is None else ratio(known + c)


def total_of(parts: list[Poly]) -> Poly:
    """The sum of many at once (merging sums once, at the end)."""
    if len(parts) == 1:
        return parts[0]
    total: dict[Mono, Rational] = {}
    for part in parts:
        _add_terms(total, part)
    return _collect(total)


def scale(operand: Poly, factor: Rational) -> Poly:
    if factor == 1:
        return operand
    if factor == 0:
        return ZERO
    if factor == -1:
        return negative(operand)
    return poly({m: times(c, factor) for m, c in operand.terms})


def negate(operand: Poly) -> Poly:
    return negative(operand)


def subtract(left: Poly, right: Poly) -> Poly:
    if left is right:
        return ZERO
    if not left.terms:
        return negate(right)
    if not right.terms:
        return left
    spend()
    total = dict(left.terms)
    _add_terms(total, right, -1)
    return _collect(total)


def multiply(left: Poly, right: Poly) -> Poly:
    if not left.terms or not right.terms:
        return ZERO
    number = left.constant
    if number is not None:
        return scale(right, number)
    number = right.constant
    if number is not None:
        return scale(left, number)
    key = (left, right)
    found = _products.get(key)
    if found is not None:
        return found
    spend(len(left.terms) * len(right.terms))
    total: dict[Mono, Rational] = {}
    for m1, c1 in left.terms:
        for m2, c2 in right.terms:
            product = multiply_monos(m1, m2)
            coefficient = times(c1, c2)
            if type(product) is Mono:
                known = total.get(product)
                total[product] = coefficient if known is None else ratio(known + coefficient)
            else:
                _add_terms(total, _as_poly(product), coefficient)
    result = _collect(total)
    _products[key] = result
    return result


def multiply_monos(left: Mono, right: Mono) -> Mono | Poly:
    """A monomial, or a polynomial where a law made several terms of it."""
    if left is UNIT:
        return right
    if right is UNIT:
        return left
    key = (left, right)
    found = _mono_products.get(key)
    if found is None:
        exponents: dict[Atom, Rational] = dict(left.factors)
        for atom, exponent in right.factors:
            known = exponents.get(atom)
            exponents[atom] = exponent if known is None else ratio(known + exponent)
        if left.exponential is None:
            exponential = right.exponential
        elif right.exponential is None:
            exponential = left.exponential
        else:
            # exp(a) * exp(b) = exp(a + b): both are finite
            exponential = add(left.exponential, right.exponential)
            if not exponential.terms:
                exponential = None
        found = _mono_products[key] = normalise(exponents, exponential)
    return found


def normalise(exponents: Mapping[Atom, Rational], exponential: Poly | None) -> Mono | Poly:
    """The product of atom powers with the laws that single products obey."""
    special = [a for a, e in exponents.items() if e and _has_law(a, e)]
    indicators = [a for a, e in exponents.items() if e and isinstance(a, SumAtom) and not a.bound]
    if not special and (not indicators or (len(indicators) == 1 and exponents[indicators[0]] == 1)):
        # several products over one body are merged below, by ``_merge_products``
        products = [a for a, e in exponents.items() if e and isinstance(a, SumAtom) and a.operation == "prod"]
        if len(products) < 2:
            if exponential is not None:
                reduced = _reduce_fraction(exponents, exponential)
                if reduced is not None:
                    return reduced
            return _mono_of(exponents, exponential)
        return _merge_products(exponents, exponential, products)
    from stile_engine.term.powers import power_of_atom

    rest = {a: e for a, e in exponents.items() if e and a not in special and a not in indicators}
    result = _as_poly(normalise(rest, exponential))
    if indicators:
        # [P] * [Q] = [P and Q], [P] ** n = [P] for n >= 1
        domain = UNIVERSE
        for indicator in indicators:
            domain = domain & indicator.domain
        result = multiply(result, indicator_of(domain))
    for atom in special:
        result = multiply(result, power_of_atom(atom, exponents[atom]))
    return result


def _has_law(atom: Atom, exponent: Rational) -> bool:
    if isinstance(atom, PowerAtom):
        if atom.base.constant is not None:
            return not 0 < exponent < 1
        return exponent >= 1
    if isinstance(atom, MaxAtom):
        return isinstance(exponent, int) and exponent >= 2 and is_relu(atom)
    if isinstance(atom, FunctionAtom):
        return atom.name == "cos" and isinstance(exponent, int) and exponent >= 2
    return False


def is_relu(atom: MaxAtom) -> bool:
    """Whether the atom is max(0, t) for one term t, everywhere."""
    return (
        len(atom.pieces) == 2
        and all(not p.bound and p.domain is UNIVERSE for p in atom.pieces)
        and any(not p.body.terms for p in atom.pieces)
    )


def relu_argument(atom: MaxAtom) -> Poly:
    first, second = atom.pieces
    return first.body if first.body.terms else second.body


def _mono_of(exponents: Mapping[Atom, Rational], exponential: Poly | None) -> Mono:
    factors: list[Factor] = [(a, e) for a, e in exponents.items() if e]
    if len(factors) > 1:
        factors.sort(key=lambda f: f[0].digest)
    return mono(tuple(factors), exponential)


def _reduce_fraction(exponents: Mapping[Atom, Rational], exponential: Poly) -> Poly | None:
    """exp(a) / P ** n for P = c + d * exp(v): with a brought into one period of v.

    exp(a) = exp(a - v) * (P - c) / d and exp(a) = (exp(a) * P - d * exp(a + v)) / c. So sigmoid(x)
    and 1 - sigmoid(-x) have one form.
    """
    for atom, exponent in exponents.items():
        if not isinstance(atom, PowerAtom) or not isinstance(exponent, int) or exponent >= 0:
            continue
        period = _period(atom.base)
        if period is None:
            continue
        number, factor, step = period
        lead, width = step.terms[0]
        own = next((c for m, c in exponential.terms if m is lead), 0)
        shift = Fraction(own) / Fraction(width)
        if 0 <= shift < 1:
            continue
        rest = {a: e for a, e in exponents.items() if a is not atom}
        over = {**rest, atom: exponent + 1}
        if shift >= 1:
            lower = subtract(exponential, step)
            first = scale(_product(over, lower), ratio(1 / Fraction(factor)))
            second = scale(_product(exponents, lower), ratio(-Fraction(number) / Fraction(factor)))
        else:
            upper = add(exponential, step)
            first = scale(_product(over, exponential), ratio(1 / Fraction(number)))
            second = scale(_product(exponents, upper), ratio(-Fraction(factor) / Fraction(number)))
        return add(first, second)
    return None


def _product(exponents: Mapping[Atom, Rational], exponential: Poly) -> Poly:
    return _as_poly(normalise(exponents, exponential if exponential.terms else None))


def _period(base: Poly) -> tuple[Rational, Rational, Poly] | None:
    """``(c, d, v)`` if the polynomial is c + d * exp(v)."""
    if len(base.terms) != 2:
        return None
    number: Rational = 0
    found: tuple[Rational, Poly] | None = None
    for m, c in base.terms:
        if m is UNIT:
            number = c
        elif not m.factors and m.exponential is not None:
            found = (c, m.exponential)
    return (number, found[0], found[1]) if number and found is not None else None


def _merge_products(
    exponents: Mapping[Atom, Rational], exponential: Poly | None, products: list[SumAtom]
) -> Mono | Poly:
    """prod over D of f times prod over E of f: each element to the power of its multiplicity."""
    from stile_engine.term.sums import product_over

    for i, first in enumerate(products):
        for second in products[i + 1 :]:
            if first.body is not second.body or first.bound != second.bound:
                continue
            if not isinstance(exponents[first], int) or not isinstance(exponents[second], int):
                continue  # of a root only the whole product is known not to be negative
            by_exponent: dict[Rational, IndexSet] = {}
            for domain, exponent in (
                (first.domain - second.domain, exponents[first]),
                (second.domain - first.domain, exponents[second]),
                (first.domain & second.domain, ratio(exponents[first] + exponents[second])),
            ):
                if domain is not EMPTY and exponent:
                    by_exponent[exponent] = by_exponent.get(exponent, EMPTY) | domain
            if {(d, e) for e, d in by_exponent.items()} == {(p.domain, exponents[p]) for p in (first, second)}:
                continue  # already one domain for each exponent
            rest = {a: e for a, e in exponents.items() if a is not first and a is not second}
            result = _as_poly(normalise(rest, exponential))
            for exponent, domain in sorted(by_exponent.items(), key=lambda item: item[0]):
                result = multiply(result, product_over(first.bound, domain, first.body, exponent))
            return result
    return _mono_of(exponents, exponential)


def _as_poly(value: Mono | Poly) -> Poly:
    return of_mono(value) if isinstance(value, Mono) else value


def indicator_of(domain: IndexSet) -> Poly:
    """1 inside the domain, 0 outside."""
    if domain is UNIVERSE:
        return ONE
    if domain is EMPTY:
        return ZERO
    from stile_engine.term.atoms import sum_atom

    return of_atom(sum_atom("sum", (), domain, ONE))


def _collect(total: dict[Mono, Rational]) -> Poly:
    """A polynomial from collected terms, with sums over one body merged into level sets."""
    with_sums = 0
    for m, c in total.items():
        if m.sums and c:
            with_sums += 1
    if not with_sums:
        return poly(total)
    if with_sums == 1 and len(total) == 1:
        return poly(total)
    groups: dict[tuple[Mono, tuple[str, ...], Poly], list[tuple[Mono, SumAtom]]] = {}
    for m, c in total.items():
        if not c:
            continue
        for atom in m.sums:
            rest = _without(m, atom)
            groups.setdefault((rest, atom.bound, atom.body), []).append((m, atom))
    for (rest, bound, body), members in groups.items():
        plain = not bound and rest in total and total[rest] != 0
        if len(members) < 2 and not plain:
            continue
        merged = _merge_level_sets(total, rest, bound, body, members, plain)
        if merged is not None:
            return merged
    return poly(total)


def _without(m: Mono, atom: Atom) -> Mono:
    return mono(tuple(f for f in m.factors if f[0] is not atom), m.exponential)


def _merge_level_sets(
    total: dict[Mono, Rational],
    rest: Mono,
    bound: tuple[str, ...],
    body: Poly,
    members: list[tuple[Mono, SumAtom]],
    plain: bool,
) -> Poly | None:
    # c1 * sum_D f + c2 * sum_E f = c1 * sum_{D-E} f + (c1 + c2) * sum_{D and E} f + c2 * sum_{E-D} f
    from stile_engine.term.sums import sum_over

    remaining = dict(total)
    levels: list[tuple[IndexSet, Rational]] = []
    sources: list[tuple[IndexSet, Rational]] = [(a.domain, total[m]) for m, a in members]
    for m, _ in members:
        remaining.pop(m, None)
    if plain:
        sources.append((UNIVERSE, remaining.pop(rest)))
    for domain, coefficient in sources:
        fresh = domain
        following: list[tuple[IndexSet, Rational]] = []
        for known, level in levels:
            common = known & fresh
            if common is EMPTY:
                following.append((known, level))
                continue
            outside = known - fresh
            if outside is not EMPTY:
                following.append((outside, level))
            following.append((common, ratio(level + coefficient)))
            fresh = fresh - known
        if fresh is not EMPTY:
            following.append((fresh, coefficient))
        levels = following
    by_level: dict[Rational, IndexSet] = {}
    for domain, level in levels:
        if level:
            by_level[level] = by_level[level] | domain if level in by_level else domain
    parts = [poly(remaining)]
    factor = of_mono(rest)
    unchanged = {(a.domain, total[m]) for m, a in members} | ({(UNIVERSE, total[rest])} if plain else set())
    if {(d, c) for c, d in by_level.items()} == unchanged:
        return None  # already level sets
    for level, domain in sorted(by_level.items(), key=lambda item: item[0]):
        parts.append(scale(multiply(factor, sum_over(bound, domain, body)), level))
    return total_of(parts)


_MOST_BITS = 1 << 20


def number_power(number: Rational, exponent: int) -> Rational:
    """A whole power of a number that is not 0. Raises ``BudgetExceeded`` for more digits than a proof has use for."""
    bits = max(number.numerator.bit_length(), number.denominator.bit_length())
    if bits > 1 and bits * abs(exponent) > _MOST_BITS:
        raise BudgetExceeded("a number of some 300,000 digits or more")
    return ratio(Fraction(number) ** exponent)


def power(base: Poly, exponent: int) -> Poly:
    """A non-negative whole power, by repeated squaring."""
    if base.constant:
        return constant(number_power(base.constant, exponent))
    result, square = ONE, base
    while exponent:
        if exponent & 1:
            result = multiply(result, square)
        exponent >>= 1
        if exponent:
            square = multiply(square, square)
    return result


def of_affine(index: Affine) -> Poly:
    """An index expression as a number."""
    terms: dict[Mono, Rational] = {UNIT: index.constant}
    for atom, coefficient in index.terms:
        whole = Affine(((atom, 1),), 0)
        terms[mono(((index_atom(whole), 1),))] = coefficient
    return poly(terms)


# -- substitution ------------------------------------------------------------------------------


def substitute(operand: Poly, mapping: Mapping[str, Affine]) -> Poly:
    """Replace free index variables, all at once. Laws apply again to what arises."""
    relevant = {v: e for v, e in mapping.items() if v in operand.variables and e != Affine.variable(v)}
    if not relevant:
        return operand
    key = (operand, tuple(sorted(relevant.items(), key=lambda item: item[0])))
    found = _substitutions.get(key)
    if found is None:
        spend(len(operand.terms))
        found = total_of([scale(_substitute_mono(m, relevant), c) for m, c in operand.terms])
        _substitutions[key] = found
    return found


def _substitute_mono(m: Mono, mapping: Mapping[str, Affine]) -> Poly:
    if m.variables.isdisjoint(mapping):
        return of_mono(m)
    from stile_engine.term.powers import raise_to

    kept: dict[Atom, Rational] = {}
    changed: list[Poly] = []
    for atom, _ in m.factors:
        # a sum over nothing is 0, and what stands beside it need not have a value
        if isinstance(atom, SumAtom) and atom.operation == "sum" and atom.domain.substitute(mapping) is EMPTY:
            return ZERO
    for atom, exponent in m.factors:
        if atom.variables & mapping.keys():
            replaced = substitute_atom(atom, mapping)
            new = replaced.atom
            if new is not None:
                kept[new] = ratio(kept.get(new, 0) + exponent)
            else:
                changed.append(raise_to(replaced, exponent))
        else:
            kept[atom] = ratio(kept.get(atom, 0) + exponent)
    result = _as_poly(normalise(kept, None))
    for part in changed:
        result = multiply(result, part)
    if m.exponential is not None:
        from stile_engine.term.functions import exponential

        result = multiply(result, exponential(substitute(m.exponential, mapping)))
    return result


def substitute_atom(atom: Atom, mapping: Mapping[str, Affine]) -> Poly:
    match atom:
        case ReadAtom():
            return of_atom(read_atom(atom.tensor, tuple(i.substitute(mapping) for i in atom.index)))
        case IndexAtom():
            return of_affine(atom.index.substitute(mapping))
        case ConstantAtom():
            return of_atom(atom)
        case PowerAtom():
            return substitute(atom.base, mapping)
        case FunctionAtom():
            from stile_engine.term.functions import named

            return named(atom.name, substitute(atom.argument, mapping))
        case SumAtom():
            domain = atom.domain.substitute(mapping)
            body = substitute(atom.body, mapping)
            if atom.operation == "prod":
                from stile_engine.term.sums import product_over

                return product_over(atom.bound, domain, body, 1)
            from stile_engine.term.sums import sum_over

            return sum_over(atom.bound, domain, body)
        case MaxAtom():
            from stile_engine.term.extrema import Family, greatest

            return greatest(
                [Family(p.bound, p.domain.substitute(mapping), substitute(p.body, mapping)) for p in atom.pieces]
            )
    raise TypeError(f"no substitution for {type(atom).__name__}")


def rational(value: Rational | Fraction) -> Poly:
    return constant(ratio(value))
