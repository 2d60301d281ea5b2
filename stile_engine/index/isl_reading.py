"""What isl answers, as our index expressions and integers."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

import islpy as isl

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.isl_limits import DIV, PARAM
from stile_engine.index.isl_writing import decoded_name, isl_name


def integer(value: isl.Val) -> int:
    return int(value.to_python())


def projected(raw: isl.Set, identifiers: Iterable[str]) -> isl.Set:
    """The tuples of the other variables for which some values of these lie in the set. They name variables of it."""
    for identifier in identifiers:
        raw = raw.project_out(PARAM, raw.find_dim_by_name(PARAM, identifier), 1)
    return raw


def parameter_names(raw: isl.Set) -> list[str]:
    """The identifiers of all variables of the set, which ``decoded_name`` gives back."""
    # parameters always have names
    return [str(raw.get_dim_name(PARAM, dim)) for dim in range(raw.dim(PARAM))]


def equations(raw: isl.Set, name: str) -> list[tuple[int, Affine, int]]:
    """``(c, e, m)`` for the equations ``c * name + e == 0`` that hold in the set, modulo m where m is not 0."""
    hull = raw.affine_hull()
    dim = raw.find_dim_by_name(PARAM, isl_name(name))  # the hull keeps the dims in place
    found: list[tuple[int, Affine, int]] = []
    for constraint in hull.get_constraints():
        own = integer(constraint.get_coefficient_val(PARAM, dim)) if constraint.is_equality() else 0
        if own:
            divisions = range(constraint.dim(DIV))
            modulus = gcd(*(integer(constraint.get_coefficient_val(DIV, d)) for d in divisions))
            found.append((own, without(constraint, dim), modulus))
    return found


def without(constraint: isl.Constraint, dim: int) -> Affine:
    """The constraint without divisions and without the variable at ``dim``."""
    rest = Affine((), integer(constraint.get_constant_val()))
    for other in range(constraint.dim(PARAM)):
        factor = integer(constraint.get_coefficient_val(PARAM, other))
        if other != dim and factor:
            rest = rest + _variable(constraint, other) * factor
    return rest


def solved(raw: isl.Set, name: str) -> Affine | None:
    """The expression that ``name`` equals everywhere in the set: of several the first by text, and one
    that does not vary with ``name`` itself."""
    # coefficient * name + rest = 0
    plain = [(own, rest) for own, rest, modulus in equations(raw, name) if not modulus]
    candidates = ((-rest if own > 0 else rest) // abs(own) for own, rest in plain)
    return min((c for c in candidates if name not in c.variables), key=_simplicity, default=None)


def limits_of(raw: isl.Set, name: str, upper: bool) -> list[Affine]:
    """Expressions that ``name`` is nowhere greater than, or less than, as the constraints of the first case have
    them; simple ones first."""
    sign = -1 if upper else 1
    dim = raw.find_dim_by_name(PARAM, isl_name(name))
    found: dict[Affine, None] = {}
    for part in raw.get_basic_sets()[:1] if dim >= 0 else []:
        for constraint in part.get_constraints():
            own = integer(constraint.get_coefficient_val(PARAM, dim))
            divisions = (constraint.get_coefficient_val(DIV, d) for d in range(constraint.dim(DIV)))
            # rest - name >= 0, rest + name >= 0, or rest + own * name = 0
            if (own == sign or (own == -sign and constraint.is_equality())) and all(d.is_zero() for d in divisions):
                found[without(constraint, dim) * -own] = None
    return sorted(found, key=_simplicity)


def _simplicity(candidate: Affine) -> tuple[int, str]:
    return len(data.tokens_of(candidate.variables)), str(candidate)


def from_aff(aff: isl.Aff) -> Affine | None:
    """An isl affine expression as ours; None if it is not integer valued."""
    return scaled(aff) if integer(aff.get_denominator_val()) == 1 else None


def scaled(aff: isl.Aff) -> Affine:
    """``denominator * aff``, which has whole coefficients; floors inside are exact."""
    denominator = aff.get_denominator_val()

    def whole(value: isl.Val) -> int:
        return integer(value * denominator)

    total = Affine((), whole(aff.get_constant_val()))
    for dim in range(aff.dim(PARAM)):
        if factor := whole(aff.get_coefficient_val(PARAM, dim)):
            total = total + _variable(aff, dim) * factor
    for dim in range(aff.dim(DIV)):
        if factor := whole(aff.get_coefficient_val(DIV, dim)):
            inner = aff.get_div(dim)
            # the div is floor(inner), and inner = (whole numerator) / denominator
            total = total + scaled(inner) // integer(inner.get_denominator_val()) * factor
    return total


def _variable(thing: isl.Constraint | isl.Aff, dim: int) -> Affine:
    return Affine.variable(decoded_name(str(thing.get_dim_name(PARAM, dim))))
