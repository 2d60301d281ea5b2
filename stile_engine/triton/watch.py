"""What a kernel owes beside its values: bounds of accesses, and integers that fit their type."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from stile_engine.array.arrays import Shape, Unreadable
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, disjunction, in_range, negate
from stile_engine.index.sets import EMPTY, IndexSet
from stile_engine.proof.data_points import member_with_data
from stile_engine.proof.instances import Sizes
from stile_engine.proof.verdict import Status, Witness
from stile_engine.term.elements import elements_of
from stile_engine.term.expression import Tensor
from stile_engine.term.facts import Blocks, Bound, Link, Offsets, Permutation
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Check
from stile_engine.triton.context import Context, numeric
from stile_engine.triton.memory import Memory
from stile_engine.triton.polynomials import Monomial, Polynomial, rounded_up, without
from stile_engine.triton.values import Whole

_MOST_INSTANCES = 400


@dataclass
class Watch:
    """Collects what was found out, once for each place and kind."""

    sizes: Sizes
    context: Context
    most_elements: int
    """No tensor has more elements, nor spans more of the memory; part of the statement."""
    strides: Mapping[str, Polynomial] = field(default_factory=dict)
    """For witnesses: what symbolic strides are where the tensors are contiguous."""
    ids: frozenset[Polynomial] = frozenset()
    """What program ids are: a launch has no more programs than fit."""
    products: Mapping[str, Polynomial] = field(default_factory=dict)
    """The numbers of values of those program ids whose ranges are wider than they are."""
    found: dict[tuple[str, Site | None], Check] = field(default_factory=dict)

    # -- bounds ----------------------------------------------------------------------------

    def bounds(
        self, kind: str, memory: Memory, index: tuple[Affine, ...], mask: Predicate, shape: Shape, site: Site | None
    ) -> bool:
        """Whether every lane that the mask lets through lies inside the tensor; what does not is owed."""
        outside = negate(memory.inside(index))
        bad = self.context.where(outside, shape, mask)
        if bad.is_empty:
            self._note(Check("bounds", Status.PROVED, site))
            return True
        self._note(self._out_of_bounds(kind, memory, index, bad, site))
        return False

    def _out_of_bounds(
        self, kind: str, memory: Memory, index: tuple[Affine, ...], bad: IndexSet, site: Site | None
    ) -> Check:
        verb = "reads" if kind == "load" else "writes"
        what = f"{verb} {memory.name} out of bounds"
        address = memory.address(index)
        if bad.tokens:
            return self._by_data(memory, index, address, bad, what, site)
        bad = bad.project_out([n for n in bad.variables if n in self.strides])
        for instance in map(self._with_strides, self._instances(bad)):
            at = {name: Affine((), n) for name, n in instance.items()}
            count = 1
            for size in memory.shape:
                count *= size.evaluate(instance)
            own = address.substitute(at).affine
            here = bad.substitute(at) & self._launched(instance)
            if own is None:
                continue
            last = memory.address(tuple(n - 1 for n in memory.shape)).substitute(at).affine
            if last is None:
                continue
            beyond = here & IndexSet.where(disjunction(compare(own, "<", 0), compare(own, ">", last)))
            point = beyond.sample()
            if point is None:
                continue
            full = {**instance, **point}
            place = own.evaluate({v: full.get(v, 0) for v in own.variables})
            shown = self._shown_sizes(instance)
            detail = f"{what}: element {place} of {count}{sizes_text(shown)}{_who(point)}"
            witness = Witness(sizes=shown, output=memory.name, index=_shown(point))
            return Check("bounds", Status.REFUTED, site, detail, witness)
        detail = f"an access of {memory.name} that runs past the end of a row into the next one is not modelled"
        return Check("bounds", Status.UNSUPPORTED, site, detail)

    def _launched(self, instance: Mapping[str, int]) -> IndexSet:
        """The program ids that there are at these sizes, where no range tells."""
        if any(not count.variables() <= instance.keys() for count in self.products.values()):
            return EMPTY
        ids = ((name, count.evaluate(instance)) for name, count in self.products.items())
        return IndexSet.where(conjunction(*(compare(Affine.variable(name), "<", count) for name, count in ids)))

    def _by_data(
        self,
        memory: Memory,
        index: tuple[Affine, ...],
        address: Polynomial,
        bad: IndexSet,
        what: str,
        site: Site | None,
    ) -> Check:
        """An access whose place data choose. Contents under which it fails refute it where their values are declared:
        where nothing is, it is the declaration that is missing."""

        def beyond(here: IndexSet, instance: Mapping[str, int]) -> IndexSet:
            at = {name: Affine((), n) for name, n in self._with_strides(instance).items()}
            own = address.substitute(at).affine
            last = memory.address(tuple(n - 1 for n in memory.shape)).substitute(at).affine
            if own is None or last is None:
                return EMPTY
            return here.substitute(at) & IndexSet.where(disjunction(compare(own, "<", 0), compare(own, ">", last)))

        declared = all(has_declared_values(e.tensor) for e in elements_of(bad.variables))
        # of programs that are products of sizes it is not looked at whether they are
        if declared and self.products.keys().isdisjoint(bad.variables):
            found = member_with_data(bad, self.sizes, beyond)
            if found is not None:
                shown = self._shown_sizes(found.sizes)
                detail = f"{what}{sizes_text(shown)}{_who(found.indices)}, where {found}"
                witness = Witness(sizes=shown, output=memory.name, index=_shown(found.indices))
                return Check("bounds", Status.REFUTED, site, detail, witness)
        detail = f"nothing says that data keep this access of {memory.name} in bounds"
        wanted = " and ".join(f"'{fact}'" for fact in _missing_facts(memory, index, bad))
        return Check("bounds", Status.UNKNOWN, site, f"{detail}: declare it with assume={wanted}")

    def _shown_sizes(self, instance: Mapping[str, int]) -> dict[str, int]:
        """The sizes of dims, by their names; strides follow from them."""
        return self.sizes.shown({s: instance[s] for s in self.sizes.ranges})

    def _with_strides(self, instance: Mapping[str, int]) -> dict[str, int]:
        return {**instance, **{name: value.evaluate(instance) for name, value in self.strides.items()}}

    def _instances(self, where: IndexSet) -> Iterator[Mapping[str, int]]:
        """Sizes at which the set has members, the smallest first; few of them."""
        if not self.sizes:
            yield {}
            return
        seen = 0
        for instance in islice(self.sizes.increasing(), _MOST_INSTANCES):
            if self.sizes.reached(where, instance):
                seen += 1
                yield instance
                if seen > 12:
                    return
        least = self.sizes.least(where)
        if least is not None:
            yield least

    # -- integers --------------------------------------------------------------------------

    def fits(self, value: Whole, what: str, site: Site | None, mask: Predicate | None = None) -> None:
        """Whether the integers fit their type wherever they are looked at."""
        low, high = -(2 ** (value.bits - 1)), 2 ** (value.bits - 1) - 1
        ranges = numeric(self.context.ranges(value.shape))
        for region, polynomial in value.regions():
            if value.bits >= 32 and polynomial in self.ids:
                continue  # the machine gives them
            limits = polynomial.extremes(ranges)
            if limits is not None and limits[0] >= low and limits[1] <= high:
                continue
            if -low > self._most(polynomial):
                continue
            own = polynomial.affine
            if own is None:
                self._note(self._product(polynomial, what, value, site))
                continue
            given = [region, self.context.widths(own)] if mask is None else [region, mask, self.context.widths(own)]
            bad = self.context.where(negate(in_range(own, low, high + 1)), value.shape, *given) & self._no_larger()
            if bad.is_empty:
                continue
            point = bad.sample()
            if bad.tokens or point is None:
                self._note(Check("overflow", Status.UNKNOWN, site, _too_large(what, value.bits, own)))
                continue
            if not self.products.keys().isdisjoint(point):
                # Whether there is such a program is not looked at.
                self._note(Check("overflow", Status.UNKNOWN, site, f"{what} may not fit into int{value.bits}"))
                continue
            number = own.evaluate({v: point.get(v, 0) for v in own.variables})
            self._note(self._overflow(what, number, value.bits, point, site))
        self._note(Check("overflow", Status.PROVED, site))

    def offset_fits(self, memory: Memory, step: Whole, mask: Predicate, shape: Shape, site: Site | None) -> None:
        """A summand of an address, in its own type, in the lanes that the mask lets through.

        Sums and products that overflow on the way come out right all the same, modulo 2**bits.
        """
        bits = step.bits
        if self.most_elements <= 2 ** (bits - 1):
            for region, polynomial in step.regions():
                if not self._inside(memory, polynomial, (region, mask), shape):
                    self._step(memory, step, polynomial, (region, mask), shape, site)
        else:
            for region, polynomial in step.regions():
                self._step(memory, step, polynomial, (region, mask), shape, site)
        self._note(Check("overflow", Status.PROVED, site))

    def _inside(self, memory: Memory, step: Polynomial, given: tuple[Predicate, ...], shape: Shape) -> bool:
        """Whether the summand is itself the address of an element of the tensor."""
        try:
            index = memory.index_of(step, self.context, shape)
        except Unreadable:
            return False
        return self.context.never(negate(memory.inside(index)), shape, *given)

    def _step(
        self,
        memory: Memory,
        step: Whole,
        value: Polynomial,
        given: tuple[Predicate, ...],
        shape: Shape,
        site: Site | None,
    ) -> None:
        low, high = -(2 ** (step.bits - 1)), 2 ** (step.bits - 1) - 1
        what = f"an offset into {memory.name}"
        limits = value.extremes(numeric(self.context.ranges(shape)))
        if limits is not None and limits[0] >= low and limits[1] <= high:
            return
        corners = map(self._with_strides, self._corners())
        for instance in [None] if value.affine is not None else corners:
            at = {} if instance is None else {name: Affine((), n) for name, n in instance.items()}
            own = value.substitute(at).affine
            if own is None:
                continue
            outside = negate(in_range(own, low, high + 1))
            bad = self.context.where(outside, shape, *given)
            bad = bad.substitute(at) if at else bad & self._no_larger()
            if instance is not None:
                bad = bad & self._launched(instance)
            point = None if bad.is_empty or bad.tokens else bad.sample()
            if point is not None and (instance is not None or self.products.keys().isdisjoint(point)):
                full = {**(instance or {}), **point}
                number = own.evaluate({v: full.get(v, 0) for v in own.variables})
                self._note(self._overflow(what, number, step.bits, full, site))
                return
            if instance is None and bad.is_empty:
                return
        self._note(Check("overflow", Status.UNKNOWN, site, f"{what} may not fit into int{step.bits}: {value}"))

    def _corners(self) -> Iterator[dict[str, int]]:
        """Large sizes: each of the symbols at its greatest value, the others as small as they may be or equal."""
        ranges = self.sizes.ranges
        for name in sorted(ranges):
            for other in (1, 2, 1 << 8, 1 << 15):
                instance = {n: max(low, min(other, high)) for n, (low, high) in ranges.items()}
                top = ranges[name][1]
                while top > ranges[name][0]:
                    instance[name] = top
                    if self.sizes.allowed(instance):
                        yield dict(instance)
                        break
                    top //= 2

    def _no_larger(self) -> IndexSet:
        """The sizes with which no tensor has too many elements, as far as that is affine: with all symbolic sizes but
        one at their least, which is 1."""
        limits: list[Predicate] = []
        for shape in self.sizes.shapes:
            fixed = math.prod(size.constant for size in shape if size.is_constant)
            limits += [compare(size * fixed, "<=", self.most_elements) for size in shape if size.terms and fixed]
        return IndexSet.where(conjunction(*limits))

    def _most(self, value: Polynomial) -> float:
        """A number that a polynomial of sizes stays below: a product of sizes that divides the number of elements of
        a tensor is no larger than that."""
        total = 0
        for monomial, coefficient in value.terms:
            if not coefficient.is_constant or coefficient.constant < 0:
                return math.inf
            own = tuple(sorted((a if isinstance(a, str) else rounded_up(a) or str(a)) for a in monomial))
            if not any(without(shape, own) is not None for shape in self._shapes()):
                return math.inf
            total += coefficient.constant * self.most_elements
        return total

    def _shapes(self) -> Iterator[Monomial]:
        for shape in self.sizes.shapes:
            single = (size.terms[0] for size in shape if len(size.terms) == 1 and size.constant >= 0)
            yield tuple(atom for atom, factor in single if isinstance(atom, str) and factor >= 1)

    def _product(self, value: Polynomial, what: str, whole: Whole, site: Site | None) -> Check:
        return Check("overflow", Status.UNKNOWN, site, f"{what} may not fit into int{whole.bits}: {value}")

    def _overflow(self, what: str, number: int, bits: int, point: Mapping[str, int], site: Site | None) -> Check:
        shown = self._shown_sizes({n: point.get(n, low) for n, (low, _) in self.sizes.ranges.items()})
        detail = f"{what} is {number}, which does not fit into int{bits}{sizes_text(shown)}{_who(point)}"
        return Check("overflow", Status.REFUTED, site, detail, Witness(sizes=shown, index=_shown(point)))

    # -- the list --------------------------------------------------------------------------

    def _note(self, check: Check) -> None:
        key = (check.kind, check.site)
        known = self.found.get(key)
        if known is None or _RANK[check.status] > _RANK[known.status]:
            self.found[key] = check

    def checks(self) -> Sequence[Check]:
        """One finding for each kind where all is well, else those that are not. An integer that is too large is told
        of once, at the first expression that looks at it."""
        result: list[Check] = []
        for kind in ("bounds", "overflow"):
            own = [c for c in self.found.values() if c.kind == kind]
            wrong = [c for c in own if c.status is not Status.PROVED]
            if kind == "overflow":
                first = {c.detail: c for c in reversed(wrong)}
                wrong = [c for c in wrong if first[c.detail] is c]
            result += wrong or ([Check(kind, Status.PROVED, None)] if own else [])
        return result


def has_declared_values(tensor: Tensor) -> bool:
    """Whether something is declared of what its elements may be."""
    return any(isinstance(f, Bound | Link | Permutation | Blocks | Offsets) for f in tensor.facts)


def _missing_facts(memory: Memory, index: tuple[Affine, ...], bad: IndexSet) -> list[str]:
    """Facts that would keep the access in bounds, most likely: of an element that is an index itself its range, of
    others how large they may be."""
    found: dict[str, None] = {}
    for own, size, dim in zip(index, memory.shape, memory.elements.dims, strict=True):
        if (bad & IndexSet.where(negate(in_range(own, 0, size)))).is_empty:
            continue
        direct = elements_of(own.variables)
        for element in direct:
            found[f"{element.tensor.name} in {dim}"] = None
        for element in [] if direct else elements_of(bad.variables):
            found[f"{named(element.tensor)} <= size({dim})"] = None
    return list(found) or [f"{named(e.tensor)} …" for e in elements_of(bad.variables)]


def _too_large(what: str, bits: int, value: Affine) -> str:
    facts = [f"'{named(e.tensor)} <= …'" for e in elements_of(value.variables)]
    hint = f": declare how large data may be with assume={' and '.join(facts)}" if facts else ""
    return f"{what} may not fit into int{bits}{hint}"


def named(tensor: Tensor) -> str:
    """As a fact names it: ``len:B``."""
    return f"{tensor.name}:{' '.join(tensor.dims)}".removesuffix(":")


_RANK = {Status.PROVED: 0, Status.UNKNOWN: 1, Status.UNSUPPORTED: 2, Status.REFUTED: 3}


def _shown(point: Mapping[str, int]) -> dict[str, int]:
    """Program ids, rounds and lanes of a witness, by the names that messages have for them."""
    return {readable(name): value for name, value in sorted(point.items()) if not name.startswith(("#", "@"))}


def readable(name: str) -> str:
    if name.startswith("program."):
        axis, *parts = name.removeprefix("program.").split(".")
        words = {"q": "quotient", "r": "remainder"}
        return " ".join([f"program_id.{axis}", *(words.get(part, part) for part in parts)])
    if name.startswith("$"):
        return f"lane {name[1:]}"
    return name.replace(".", " ")


def _who(point: Mapping[str, int]) -> str:
    parts = [f"{name}={value}" for name, value in _shown(point).items()]
    return f" ({', '.join(parts)})" if parts else ""


def sizes_text(shown: Mapping[str, int]) -> str:
    """``, at size(N)=1``; nothing where all sizes are fixed."""
    text = ", ".join(f"size({n})={s}" for n, s in shown.items())
    return f", at {text}" if text else ""
