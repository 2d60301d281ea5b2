"""Sound rewrites: expressions equal to a given one at every index and for all inputs.

Each yields expressions that have values at the same places; what would need a condition on inputs
is offered only where ``facts`` shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pairs.facts import Sizes, finite, nonempty, nonnegative, positive
from pairs.terms import (
    INFINITY,
    Compare,
    IllFormed,
    Join,
    Negation,
    Predicate,
    Term,
    at,
    binary,
    both,
    compare,
    contract,
    either,
    exp,
    greatest,
    log,
    mask,
    maximum,
    minimum,
    number,
    places,
    ranges,
    reduce,
    size_of,
    softmax,
    spread,
    sqrt,
    total,
    unary,
    where,
)

Found = Iterator[tuple[str, Term]]
_LARGEST = 90


def rewritten(t: Term, sizes: Sizes, random: Random, steps: int) -> tuple[Term, list[str]]:
    """The term after so many random rewrites, with the laws used."""
    laws: list[str] = []
    for _ in range(steps):
        spots = list(places(t))
        random.shuffle(spots)
        for sub, put in spots[:12]:
            options = [o for o in rewrites(sub, sizes, random) if size_of(o[1]) <= size_of(sub) + _LARGEST // 2]
            if not options:
                continue
            law, new = random.choice(options)
            if size_of(new) - size_of(sub) + size_of(t) > _LARGEST:
                continue
            moved = put(aligned(new, sub, sizes))
            try:
                if ranges(moved, dict(sizes)).keys() != ranges(t, dict(sizes)).keys():
                    continue
            except IllFormed:
                continue
            t = moved
            laws.append(law)
            break
    return t, laws


def aligned(new: Term, old: Term, sizes: Sizes) -> Term:
    """With exactly the dims of what it replaces."""
    own, theirs = ranges(old, dict(sizes)), ranges(new, dict(sizes))
    if own == theirs or own.keys() == theirs.keys():
        return new
    shown = " ".join(f"{d}[{r[0]}:{r[1]}]" if r != (0, sizes[d]) else d for d, r in own.items())
    return spread(new, shown) if "[" not in shown else new


def rewrites(t: Term, sizes: Sizes, random: Random) -> Found:
    try:
        own = ranges(t, dict(sizes))
    except IllFormed:
        return
    yield from _identities(t, sizes, random)
    match t.head:
        case "binary":
            yield from _arithmetic(t, sizes, random)
        case "unary":
            yield from _functions(t, sizes, random)
        case "power":
            yield from _powers(t, sizes)
        case "reduce":
            yield from _reductions(t, sizes, random)
        case "softmax":
            yield from _softmax(t, sizes, random)
        case "where" | "mask":
            yield from _masks(t, sizes)
        case "contract":
            yield from _contractions(t, sizes)
    del own


def _identities(t: Term, sizes: Sizes, random: Random) -> Found:
    if t.head in ("number", "infinity") or not finite(t, sizes):
        return
    own = ranges(t, dict(sizes))
    c = random.choice(("2", "3", "0.5", "7"))
    match random.randrange(8):
        case 0:
            yield "times one", (number(c) * t) / c
        case 1:
            yield "plus nothing", (t + c) - c
        case 2:
            negative = -t
            yield "double negation", -negative
        case 3 if own:
            d = random.choice(list(own))
            low, high = own[d]
            cut = random.randint(low, high)
            yield "mask split", mask(t, compare(d, "<", cut)) + mask(t, compare(d, ">=", cut))
        case 4 if own:
            d = random.choice(list(own))
            yield "mask that always holds", where(compare(d, ">=", own[d][0]), t, 0)
        case 5:
            yield "exp and back", log(exp(t))
        case 6:
            yield "halves", t / 2 + number("0.5") * t


def _arithmetic(t: Term, sizes: Sizes, random: Random) -> Found:
    (op,) = t.data
    a, b = t.inner
    if op in ("+", "*", "maximum", "minimum"):
        yield "commute", binary(op, b, a)
        if a.head == "binary" and a.data == (op,):
            yield "associate", binary(op, a.inner[0], binary(op, a.inner[1], b))
        if b.head == "binary" and b.data == (op,):
            yield "associate", binary(op, binary(op, a, b.inner[0]), b.inner[1])
    match op:
        case "+":
            yield "subtract a negative", a - (-b)
            if b.head == "unary" and b.data == ("neg",):
                yield "subtract", a - b.inner[0]
            if a.head == b.head == "binary" and a.data == b.data == ("*",):
                for x, y in ((a.inner, b.inner), (a.inner[::-1], b.inner)):
                    if x[0] == y[0]:
                        yield "factor", x[0] * (x[1] + y[1])
            if a == b:
                yield "double", 2 * a
        case "-":
            yield "add a negative", a + (-b)
            yield "turn round", -(b - a)
            yield "add a negative", a + number("-1") * b
        case "*":
            for x, y in ((a, b), (b, a)):
                if x.head == "binary" and x.data[0] in ("+", "-"):
                    yield "distribute", binary(x.data[0], x.inner[0] * y, x.inner[1] * y)
                if x == number(2):
                    yield "twice", y + y
            if a.head == b.head == "unary" and a.data == b.data == ("exp",):
                yield "exp of a sum", exp(a.inner[0] + b.inner[0])
            if a == b:
                yield "square", a**2
        case "/":
            yield "reciprocal", a * b**-1
            yield "reciprocal", a * (1 / b)
            if a.head == "binary" and a.data[0] in ("+", "-"):
                yield "fractions", binary(a.data[0], a.inner[0] / b, a.inner[1] / b)
            if b.head == "unary" and b.data == ("exp",):
                yield "exp of a negative", a * exp(-b.inner[0])
            if b.head == "unary" and b.data == ("sqrt",):
                yield "rsqrt", a * unary("rsqrt", b.inner[0])
        case "maximum":
            yield "lattice", -minimum(-a, -b)
            if finite(a, sizes) and finite(b, sizes):
                yield "maximum by relu", a + unary("relu", b - a)
                yield "maximum by abs", (a + b + unary("abs", a - b)) / 2
            if finite(a, sizes) and finite(b, sizes):
                yield "maximum through exp", log(maximum(exp(a), exp(b)))
        case "minimum":
            yield "lattice", -maximum(-a, -b)
            if finite(a, sizes) and finite(b, sizes):
                yield "minimum by maximum", a + b - maximum(a, b)


def _functions(t: Term, sizes: Sizes, random: Random) -> Found:
    (name,) = t.data
    (x,) = t.inner
    known = finite(x, sizes)
    match name:
        case "exp":
            if x.head == "binary" and x.data == ("+",):
                yield "exp of a sum", exp(x.inner[0]) * exp(x.inner[1])
            if x.head == "binary" and x.data == ("-",):
                yield "exp of a difference", exp(x.inner[0]) / exp(x.inner[1])
            if known:
                yield "exp of a half", exp(x / 2) ** 2
                yield "exp by exp2", unary("exp2", x / log(number(2)))
                yield "exp of a negative", 1 / exp(-x)
        case "exp2":
            yield "exp2 by exp", exp(x * log(number(2)))
        case "log":
            if x.head == "binary" and x.data[0] in ("*", "/") and all(positive(i, sizes) for i in x.inner):
                yield "log of a product", binary("+" if x.data == ("*",) else "-", log(x.inner[0]), log(x.inner[1]))
            if positive(x, sizes):
                yield "log by log2", unary("log2", x) * log(number(2))
                yield "log of a square", log(x**2) / 2
                yield "log of a reciprocal", -log(1 / x)
        case "sqrt":
            if positive(x, sizes):
                yield "root by rsqrt", x * unary("rsqrt", x)
                yield "root by exp", exp(log(x) / 2)
                yield "root by rsqrt", 1 / unary("rsqrt", x)
        case "rsqrt":
            if positive(x, sizes):
                yield "rsqrt", 1 / sqrt(x)
                yield "rsqrt", sqrt(1 / x)
                yield "rsqrt", sqrt(x) / x
        case "abs" if known:
            yield "abs by maximum", maximum(x, -x)
            yield "abs by relu", unary("relu", x) + unary("relu", -x)
            yield "abs by root", sqrt(x * x)
            yield "abs is even", unary("abs", -x)
        case "relu" if known:
            yield "relu by maximum", maximum(number(0), x)
            yield "relu by abs", (x + unary("abs", x)) / 2
            yield "relu by relu", x + unary("relu", -x)
            yield "relu by minimum", -minimum(0, -x)
        case "sigmoid" if known:
            yield "sigmoid", 1 / (1 + exp(-x))
            yield "sigmoid", exp(x) / (1 + exp(x))
            yield "sigmoid mirrored", 1 - unary("sigmoid", -x)
            yield "sigmoid by tanh", (1 + unary("tanh", x / 2)) / 2
        case "silu" if known:
            yield "silu", x * unary("sigmoid", x)
            yield "silu", x / (1 + exp(-x))
        case "tanh" if known:
            yield "tanh by sigmoid", 2 * unary("sigmoid", 2 * x) - 1
            yield "tanh by exp", (exp(x) - exp(-x)) / (exp(x) + exp(-x))
            yield "tanh is odd", -unary("tanh", -x)
            yield "tanh by exp", (exp(2 * x) - 1) / (exp(2 * x) + 1)
        case "softplus" if known:
            yield "softplus", log(1 + exp(x))
            yield "softplus", x + unary("softplus", -x)
            yield "softplus stably", unary("relu", x) + log(1 + exp(-unary("abs", x)))
        case "gelu" if known:
            yield "gelu", x * (1 + unary("erf", x / sqrt(number(2)))) * number("0.5")
            yield "gelu mirrored", x + unary("gelu", -x)
        case "gelu_tanh" if known:
            inner = sqrt(2 / number("pi")) * (x + number("0.044715") * x**3)
            yield "gelu_tanh", number("0.5") * x * (1 + unary("tanh", inner))
            yield "gelu_tanh by sigmoid", x * unary("sigmoid", 2 * inner)
        case "sin" if known:
            yield "sin is odd", -unary("sin", -x)
            if x.head == "binary" and x.data == ("+",):
                a, b = x.inner
                yield "sin of a sum", unary("sin", a) * unary("cos", b) + unary("cos", a) * unary("sin", b)
        case "cos" if known:
            yield "cos is even", unary("cos", -x)
            yield "cos of a double", 1 - 2 * unary("sin", x / 2) ** 2
        case "erf" if known:
            yield "erf is odd", -unary("erf", -x)
        case "neg":
            yield "times minus one", number("-1") * x
            yield "from zero", 0 - x
            if x.head == "binary" and x.data[0] in ("+", "-"):
                yield "negated terms", binary({"+": "-", "-": "+"}[x.data[0]], -x.inner[0], x.inner[1])
            if x.head == "reduce" and x.data[0] in ("max", "min"):
                kind, dim, p = x.data
                yield "lattice", reduce("min" if kind == "max" else "max", dim, -x.inner[0], p)


def _powers(t: Term, sizes: Sizes) -> Found:
    (exponent,) = t.data
    (x,) = t.inner
    if exponent == 2:
        yield "square", x * x
        if finite(x, sizes):
            yield "square of abs", unary("abs", x) ** 2
        if x.head == "binary" and x.data[0] in ("+", "-"):
            a, b = x.inner
            yield "binomial", binary(x.data[0], a * a, 2 * a * b) + b * b
    elif exponent > 2:
        yield "power", x * x ** (exponent - 1)
    elif exponent < 0:
        yield "reciprocal", 1 / x**-exponent if exponent < -1 else 1 / x


# -- predicates ------------------------------------------------------------------------------------

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def same_predicates(p: Predicate) -> Iterator[Predicate]:
    """Predicates that hold at the same integers."""
    yield Negation(opposite(p)) if not isinstance(p, Compare) or not p.is_chain else Negation(Negation(p))
    match p:
        case Compare() if p.is_chain:
            return
        case Compare(left, op, right):
            yield Compare(right, _MIRROR[op], left)
            match op:
                case "<":
                    yield Compare(left, "<=", f"{right} - 1")
                    yield Compare(f"{left} + 1", "<=", right)
                case "<=":
                    yield Compare(left, "<", f"{right} + 1")
                case ">":
                    yield Compare(left, ">=", f"{right} + 1")
                case ">=":
                    yield Compare(left, ">", f"{right} - 1")
                case "==":
                    yield both(Compare(left, "<=", right), Compare(left, ">=", right))
                case "!=":
                    yield either(Compare(left, "<", right), Compare(left, ">", right))
        case Join(op, parts):
            yield Join(op, parts[::-1])
            for i, part in enumerate(parts):
                for new in same_predicates(part):
                    yield Join(op, (*parts[:i], new, *parts[i + 1 :]))
                    break
        case Negation(part):
            yield opposite(part)


def opposite(p: Predicate) -> Predicate:
    match p:
        case Compare() if p.is_chain:
            return Negation(p)
        case Compare(left, op, right):
            return Compare(left, _OPPOSITE[op], right)
        case Join(op, parts):
            return Join("||" if op == "&&" else "&&", tuple(map(opposite, parts)))
        case Negation(part):
            return part


# -- reductions ------------------------------------------------------------------------------------


def _reductions(t: Term, sizes: Sizes, random: Random) -> Found:
    name, dim, p = t.data
    (body,) = t.inner
    own = ranges(body, dict(sizes))
    low, high = own[dim]
    whole = finite(body, sizes)
    if p is not None:
        options = list(same_predicates(p))
        yield "predicate", reduce(name, dim, body, random.choice(options))
    cut = random.randint(low, high)

    def inside(q: Predicate) -> Predicate:
        return both(p, q) if p is not None else q

    below, above = inside(compare(dim, "<", cut)), inside(compare(dim, ">=", cut))
    others = [d for d in own if d != dim]
    match name:
        case "sum":
            yield "tile", total(dim, body, below) + total(dim, body, above)
            step = random.choice((2, 3))
            even, odd = compare(f"{dim} % {step}", "==", 0), compare(f"{dim} % {step}", "!=", 0)
            yield "stride", total(dim, body, inside(odd)) + total(dim, body, inside(even))
            if p is not None:
                yield "mask inside", _keeping(total(dim, mask(body, p)), t, sizes)
                if whole:
                    yield "complement", total(dim, body) - total(dim, body, opposite(p))
            yield from _linear(name, dim, p, body, sizes)
            if others and p is None and body.head == "reduce" and body.data[0] == "sum" and body.data[2] is None:
                yield "order", total(body.data[1], total(dim, body.inner[0]))
            if p is None:
                right = " ".join(others)
                if right and low == 0 and high == sizes[dim]:
                    factors = body.inner if body.head == "binary" and body.data == ("*",) else (body,)
                    yield "contraction", contract(right, *factors)
                last = high - 1
                if low == 0 and high == sizes[dim] and dim in own:
                    yield "reversal", total(dim, at(dim, f"{last} - {dim}", body))
            if whole and p is None:
                yield "mean", (high - low) * reduce("mean", dim, body)
        case "max":
            yield "tile", maximum(greatest(dim, body, below), greatest(dim, body, above))
            wide = inside(compare(dim, "<", min(cut + 2, high)))
            yield "overlapping tiles", maximum(greatest(dim, body, wide), greatest(dim, body, above))
            yield "lattice", -reduce("min", dim, -body, p)
            if p is not None:
                yield "mask by -inf", _keeping(greatest(dim, where(p, body, -INFINITY)), t, sizes)
            if body.head == "reduce" and body.data[0] == "max" and body.data[2] is None and p is None:
                yield "order", greatest(body.data[1], greatest(dim, body.inner[0]))
            if whole:
                yield from _shift_and_scale(dim, p, body, sizes)
        case "min":
            yield "lattice", -greatest(dim, -body, p)
        case "mean" if whole:
            yield "mean by sum", total(dim, body, p) / total(dim, _one(body, own), p)
        case "logsumexp":
            yield "logsumexp", log(total(dim, exp(body), p))
            if whole and nonempty(p, dim, body, sizes):
                top = greatest(dim, body, p)
                yield "logsumexp stably", top + log(total(dim, exp(body - top), p))
                left, right = reduce(name, dim, body, below), reduce(name, dim, body, above)
                yield "logsumexp in parts", log(exp(left) + exp(right))
        case "prod":
            yield "tile", reduce("prod", dim, body, below) * reduce("prod", dim, body, above)
            if body.head == "unary" and body.data == ("exp",):
                yield "product of exponentials", exp(total(dim, body.inner[0], p))


def _one(body: Term, own: dict[str, tuple[int, int]]) -> Term:
    return body * 0 + 1


def _keeping(new: Term, old: Term, sizes: Sizes) -> Term:
    return aligned(new, old, sizes)


def _linear(name: str, dim: str, p: Predicate | None, body: Term, sizes: Sizes) -> Found:
    match body.head, body.data, body.inner:
        case "binary", ("+" | "-" as op,), parts if finite(body, sizes):
            a, b = (_with(i, body, sizes) for i in parts)
            if a is not None and b is not None:
                yield "linear", binary(op, total(dim, a, p), total(dim, b, p))
        case "binary", ("*",), (a, b):
            for x, y in ((a, b), (b, a)):
                if dim not in ranges(x, dict(sizes)) and dim in ranges(y, dict(sizes)) and finite(body, sizes):
                    yield "hoist", x * total(dim, y, p)
        case "binary", ("/",), (a, b):
            if dim not in ranges(b, dict(sizes)) and dim in ranges(a, dict(sizes)) and finite(body, sizes):
                yield "hoist", total(dim, a, p) / b
        case "unary", ("neg",), (x,):
            yield "linear", -total(dim, x, p)
        case "unary", ("exp",), (x,) if x.head == "binary" and x.data[0] in ("+", "-"):
            a, b = x.inner
            if dim not in ranges(b, dict(sizes)) and dim in ranges(a, dict(sizes)) and finite(body, sizes):
                yield "hoist exp", total(dim, exp(a), p) * exp(b if x.data == ("+",) else -b)


def _with(part: Term, body: Term, sizes: Sizes) -> Term | None:
    """The part, along all dims of the body."""
    own, theirs = ranges(body, dict(sizes)), ranges(part, dict(sizes))
    if own.keys() == theirs.keys():
        return part
    if any(r != (0, sizes[d]) for d, r in own.items()):
        return None
    return spread(part, " ".join(own))


def _shift_and_scale(dim: str, p: Predicate | None, body: Term, sizes: Sizes) -> Found:
    some = nonempty(p, dim, body, sizes)
    match body.head, body.data, body.inner:
        case "binary", ("+" | "-" as op,), (a, b):
            if dim not in ranges(b, dict(sizes)) and dim in ranges(a, dict(sizes)):
                yield "shift", binary(op, greatest(dim, a, p), b)
        case "binary", ("*",), (a, b) if some:
            for x, y in ((a, b), (b, a)):
                if dim not in ranges(x, dict(sizes)) and dim in ranges(y, dict(sizes)) and nonnegative(x, sizes):
                    yield "scale", x * greatest(dim, y, p)
        case "binary", ("/",), (a, b) if some:
            if dim not in ranges(b, dict(sizes)) and dim in ranges(a, dict(sizes)) and positive(b, sizes):
                yield "scale", greatest(dim, a, p) / b
        case "unary", ("exp" | "relu" | "sigmoid" | "tanh" | "softplus" as f,), (x,) if some:
            yield "monotone", unary(f, greatest(dim, x, p))
        case "unary", ("neg",), (x,):
            yield "lattice", -reduce("min", dim, x, p)
        case "binary", ("maximum" | "minimum" as op,), (a, b) if some:
            if dim not in ranges(b, dict(sizes)) and dim in ranges(a, dict(sizes)):
                yield "max of a maximum", binary(op, greatest(dim, a, p), b)
            elif op == "maximum" and dim in ranges(a, dict(sizes)) and dim in ranges(b, dict(sizes)):
                yield "max of a maximum", maximum(greatest(dim, a, p), greatest(dim, b, p))


def _softmax(t: Term, sizes: Sizes, random: Random) -> Found:
    dim, p = t.data
    (x,) = t.inner
    if p is not None:
        yield "predicate", softmax(dim, x, random.choice(list(same_predicates(p))))
        yield "softmax", mask(exp(x) / total(dim, exp(x), p), p)
        if nonempty(p, dim, x, sizes):
            yield "softmax of -inf", softmax(dim, where(p, x, -INFINITY))
    else:
        yield "softmax", exp(x) / total(dim, exp(x))
    if not finite(x, sizes) or not nonempty(p, dim, x, sizes):
        return
    top = greatest(dim, x, p)
    moved = exp(x - top)
    whole = moved / total(dim, moved, p)
    yield "softmax shifted", mask(whole, p) if p is not None else whole
    yield (
        "softmax by logsumexp",
        (lambda y: mask(y, p) if p is not None else y)(exp(x - reduce("logsumexp", dim, x, p))),
    )
    own = ranges(x, dict(sizes))
    low, high = own[dim]
    if high - low >= 2 and p is None:
        cut = random.randint(low + 1, high - 1)
        yield "softmax online", online(dim, x, cut)
    if x.head == "binary" and x.data[0] in ("+", "-") and dim not in ranges(x.inner[1], dict(sizes)):
        yield "softmax shift", softmax(dim, _with(x.inner[0], x, sizes) or x, p)


def online(dim: str, x: Term, cut: int) -> Term:
    """The softmax of ``x`` by the running maximum and sum over two tiles."""
    first, second = compare(dim, "<", cut), compare(dim, ">=", cut)
    m1 = greatest(dim, x, first)
    l1 = total(dim, exp(x - m1), first)
    m2 = maximum(m1, greatest(dim, x, second))
    l2 = l1 * exp(m1 - m2) + total(dim, exp(x - m2), second)
    return exp(x - m2) / l2


def _masks(t: Term, sizes: Sizes) -> Found:
    (p,) = t.data
    for q in list(same_predicates(p))[:3]:
        yield "predicate", Term(t.head, (q,), t.inner)
    if t.head == "mask":
        (x,) = t.inner
        yield "mask as where", where(p, x, 0)
        yield "mask as where", where(opposite(p), 0, x)
        if finite(x, sizes):
            yield "mask complement", x - mask(x, opposite(p))
        if isinstance(p, Join) and p.op == "&&":
            yield "masks in turn", mask(mask(x, p.parts[0]), both(*p.parts[1:]))
        if x.head == "binary" and x.data[0] in ("+", "-"):
            yield "mask inside", binary(x.data[0], mask(x.inner[0], p), mask(x.inner[1], p))
        if x.head == "binary" and x.data == ("*",) and finite(x, sizes):
            yield "mask inside", mask(x.inner[0], p) * x.inner[1]
        return
    a, b = t.inner
    yield "complement", where(opposite(p), b, a)
    yield "masks added", mask(a, p) + mask(b, opposite(p))
    if isinstance(p, Join) and p.op == "&&":
        yield "where chain", where(p.parts[0], where(both(*p.parts[1:]), a, b), b)
    if isinstance(p, Join) and p.op == "||":
        yield "where chain", where(p.parts[0], a, where(either(*p.parts[1:]), a, b))


def _contractions(t: Term, sizes: Sizes) -> Found:
    name, right = t.data
    operands = t.inner
    if len(operands) > 1:
        yield "commute", contract(" ".join(right), *operands[1:], operands[0], name=name)
    own: dict[str, tuple[int, int]] = {}
    for o in operands:
        own.update(ranges(o, dict(sizes)))
    gone = [d for d in own if d not in right]
    if name == "" and gone:
        product = operands[0]
        for o in operands[1:]:
            product = product * o
        value = product
        for d in gone:
            value = total(d, value)
        if ranges(value, dict(sizes)).keys() == set(right):
            yield "contraction as sums", value
    if name == "" and len(operands) == 2:
        for i, j in ((0, 1), (1, 0)):
            x, y = operands[i], operands[j]
            if x.head == "binary" and x.data[0] in ("+", "-") and finite(t, sizes):
                a, b = (_with(part, x, sizes) for part in x.inner)
                if a is not None and b is not None:
                    shown = " ".join(right)
                    yield "bilinear", binary(x.data[0], contract(shown, a, y), contract(shown, b, y))
            if x.head == "contract" and x.data[0] == "" and len(x.inner) == 2:
                inside = {d for o in x.inner for d in ranges(o, dict(sizes))} - set(x.data[1])
                if not inside & (ranges(y, dict(sizes)).keys() | set(right)):
                    yield "one contraction", contract(" ".join(right), *x.inner, y)
    if name == "" and len(operands) == 3:
        a, b, c = operands
        dims_a, dims_b, dims_c = (set(ranges(o, dict(sizes))) for o in operands)
        kept = (dims_a | dims_b) & (dims_c | set(right))
        order = [d for d in (*ranges(a, dict(sizes)), *ranges(b, dict(sizes))) if d in kept]
        if set(right) <= kept | dims_c and order:
            yield "one product first", contract(" ".join(right), contract(" ".join(dict.fromkeys(order)), a, b), c)
    if name == "max" and len(operands) > 1:
        parts = operands[0]
        for o in operands[1:]:
            parts = maximum(parts, o)
        value = parts
        for d in gone:
            value = greatest(d, value)
        if ranges(value, dict(sizes)).keys() == set(right):
            yield "contraction as maxima", value
