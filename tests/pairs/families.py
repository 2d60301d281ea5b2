"""Kernels in several writings: families of expressions that are equal by construction.

Each family draws its dims, sizes, constants and masks, and gives two or more writings of one value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from pairs.rewrites import online
from pairs.terms import (
    INFINITY,
    Compare,
    Predicate,
    Term,
    at,
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
    read,
    reduce,
    softmax,
    spread,
    sqrt,
    total,
    unary,
    where,
)


@dataclass(frozen=True)
class Family:
    """``writings`` are equal at every index and for all inputs."""

    sizes: dict[str, int]
    writings: tuple[Term, ...]


Maker = Callable[[Random], Family]
FAMILIES: dict[str, Maker] = {}


def family(make: Maker) -> Maker:
    FAMILIES[make.__name__.replace("_", "-")] = make
    return make


def _sizes(random: Random, **options: tuple[int, ...]) -> dict[str, int]:
    return {d: random.choice(o) for d, o in options.items()}


def _rows(random: Random) -> tuple[dict[str, int], Term, Term]:
    sizes = _sizes(random, Q=(3, 4, 5), K=(4, 6, 8))
    return sizes, read("X", "Q K"), read("Y", "Q K")


def _causal(random: Random) -> tuple[Predicate, Predicate]:
    """A mask that leaves something in every row of a square, and another way to write it."""
    w = random.randint(1, 3)
    options: list[tuple[Predicate, Predicate]] = [
        (compare("K", "<=", "Q"), compare("K", "<", "Q + 1")),
        (compare("Q", ">=", "K"), compare("K - Q", "<=", 0)),
        (compare("K", "<=", f"Q + {w}"), compare("K - Q", "<", w + 1)),
        (
            both(compare("K", "<=", "Q"), compare("K", ">", f"Q - {w}")),
            Compare(f"Q - {w}", "<", "K <= Q"),
        ),
        (
            either(compare("K", "<", w), compare("K", "==", "Q")),
            either(compare("Q - K", "==", 0), compare("K", "<=", w - 1)),
        ),
        (compare("K // 2", "<=", "Q // 2"), compare("K // 2", "<", "Q // 2 + 1")),
        (compare("(Q + K) % 2", "==", 0), compare("(Q - K) % 2", "==", 0)),
    ]
    return random.choice(options)


def _constant(random: Random) -> str:
    return random.choice(("2", "3", "5", "0.5", "0.25", "0.1", "1.5", "10"))


@family
def polynomial(random: Random) -> Family:
    sizes = _sizes(random, Q=(1, 3, 4))
    x, y, z = (read(n, "Q") for n in "XYZ")
    c = _constant(random)
    options: list[tuple[Term, ...]] = [
        ((x + y) * (x - y), x * x - y * y, x**2 - y**2),
        ((x + c) ** 3, x**3 + 3 * number(c) * x**2 + 3 * number(c) ** 2 * x + number(c) ** 3),
        ((x - y) ** 2, x * x - 2 * x * y + y * y, (y - x) ** 2),
        ((x + y + z) ** 2, x**2 + y**2 + z**2 + 2 * (x * y + y * z + x * z)),
        (x - (y - z), x - y + z, (x + z) - y),
        (x / 3 + x / 3 + x / 3, x),
        ((x - y) + (y - z) + (z - x), 0 * x),
        (x * (y + z) - x * y, x * z),
        ((x * x - 1), (x - 1) * (x + 1)),
        (number(c) * x - x * number(c), 0 * x),
        ((x**2 + y**2) * (z**2 + 1), (x * z - y) ** 2 + (x + y * z) ** 2),
    ]
    return Family(sizes, random.choice(options))


@family
def fractions(random: Random) -> Family:
    sizes = _sizes(random, Q=(1, 3, 4))
    x, y, z, w = (read(n, "Q") for n in "XYZW")
    p = exp(w) + 1
    q = y * y + _constant(random)
    options: list[tuple[Term, ...]] = [
        (x / y + z / y, (x + z) / y),
        ((x + y) / z + (x - y) / z, 2 * x / z),
        (x / p + z / q, (x * q + z * p) / (p * q)),
        (1 / (1 / p + 1 / q), p * q / (p + q)),
        (x / (q / p), x * p / q),
        (x / q - x / (q + 1), x / (q * (q + 1))),
        (x / (1 + 1 / q), x * q / (q + 1)),
        (1 / (1 + 1 / (1 + 1 / q)), (q + 1) / (2 * q + 1)),
        (sqrt(q) * sqrt(q), q),
        (x / sqrt(q), x * sqrt(q) / q, x * unary("rsqrt", q)),
        (sqrt(q / p), sqrt(q) / sqrt(p)),
        (1 / (sqrt(q) + 1), (sqrt(q) - 1) / (q - 1) if random.random() < 0 else 1 / (1 + sqrt(q))),
        (sqrt(q * q), q),
        (sqrt(4 * q), 2 * sqrt(q)),
    ]
    return Family(sizes, random.choice(options))


@family
def roots(random: Random) -> Family:
    sizes = _sizes(random, Q=(1, 3, 4))
    x, y = (read(n, "Q") for n in "XY")
    p, q = x * x + 1, y * y + 2
    options: list[tuple[Term, ...]] = [
        (sqrt(p * q), sqrt(p) * sqrt(q)),
        (sqrt(x**2), unary("abs", x)),
        (sqrt(x**2 * y**2), unary("abs", x * y), unary("abs", x) * unary("abs", y)),
        (sqrt(x**4), x**2),
        (sqrt((x - y) ** 2), unary("abs", x - y)),
        (unary("rsqrt", p) ** 2, 1 / p),
        (x * unary("rsqrt", p * q), x / (sqrt(q) * sqrt(p))),
        (sqrt(1 / p), 1 / sqrt(p)),
        (1 / (1 + 1 / sqrt(p)), sqrt(p) / (1 + sqrt(p))),
        (sqrt(p) / p, 1 / sqrt(p)),
        (sqrt(x**2 + x + 1) ** 2, x**2 + x + 1),
        (sqrt(x**2 - 2 * x * y + y**2), unary("abs", y - x)),
        (sqrt(sqrt(p) * sqrt(p)), sqrt(p)),
        (sqrt(exp(x)), exp(x / 2)),
        ((sqrt(p) + sqrt(q)) * (sqrt(p) - sqrt(q)), p - q),
        (1 / (sqrt(p + 1) - sqrt(p)) if random.random() < 0 else sqrt(p) + 1, 1 + sqrt(p)),
    ]
    return Family(sizes, random.choice(options))


@family
def exponentials(random: Random) -> Family:
    sizes = _sizes(random, Q=(1, 3, 4))
    x, y = (read(n, "Q") for n in "XY")
    c = _constant(random)
    options: list[tuple[Term, ...]] = [
        (exp(x) * exp(y), exp(x + y)),
        (exp(x - y), exp(x) / exp(y), exp(x) * exp(-y)),
        (exp(x) ** 2, exp(2 * x)),
        (log(exp(x) * exp(y)), x + y),
        (log(exp(x) + exp(y)), x + log(1 + exp(y - x)), maximum(x, y) + log(1 + exp(-unary("abs", x - y)))),
        (unary("exp2", x), exp(x * log(number(2)))),
        (unary("exp2", x * unary("log2", number(c))), exp(x * log(number(c)))),
        (unary("log2", exp(x)), x / log(number(2))),
        (log(number(c) * exp(x)), x + log(number(c))),
        (exp(x + log(number(c))), number(c) * exp(x)),
        (log(1 + exp(x)) - log(1 + exp(-x)), x),
        (exp(x) / (exp(x) + exp(y)), 1 / (1 + exp(y - x)), unary("sigmoid", x - y)),
        (log((1 + exp(x)) ** 2), 2 * log(1 + exp(x))),
        ((exp(x) + exp(-x)) ** 2 - (exp(x) - exp(-x)) ** 2, 4 + 0 * x),
        (exp(x) + exp(-800), exp(-800) + exp(x)),
        (exp(2 * x) - 1, (exp(x) - 1) * (exp(x) + 1)),
        (log(exp(x) / (1 + exp(y))), x - unary("softplus", y)),
    ]
    return Family(sizes, random.choice(options))


@family
def logarithms(random: Random) -> Family:
    sizes = _sizes(random, Q=(3, 4), K=(4, 6))
    x, y = read("X", "Q K"), read("Y", "Q K")
    p, q = exp(x), y * y + 1
    options: list[tuple[Term, ...]] = [
        (log(p / q), log(p) - log(q), x - log(q)),
        (log(p * q), x + log(q)),
        (total("K", log(q)), log(reduce("prod", "K", q))),
        (total("K", p * log(p / q)), total("K", p * x) - total("K", p * log(q))),
        (
            total("K", softmax("K", x) * (log(softmax("K", x)) - log(softmax("K", y)))),
            total("K", softmax("K", x) * (x - y)) - reduce("logsumexp", "K", x) + reduce("logsumexp", "K", y),
        ),
        (log(sqrt(q)), log(q) / 2),
        (
            -total("K", softmax("K", x) * log(softmax("K", x))),
            reduce("logsumexp", "K", x) - total("K", softmax("K", x) * x),
        ),
        (exp(total("K", log(q))), reduce("prod", "K", q)),
    ]
    return Family(sizes, random.choice(options))


@family
def lattice(random: Random) -> Family:
    sizes = _sizes(random, Q=(1, 3, 4))
    x, y, z = (read(n, "Q") for n in "XYZ")
    c = _constant(random)
    relu, absolute = (lambda t: unary("relu", t)), (lambda t: unary("abs", t))
    options: list[tuple[Term, ...]] = [
        (maximum(x, y), x + relu(y - x), (x + y + absolute(x - y)) / 2, -minimum(-x, -y)),
        (maximum(maximum(x, y), z), maximum(x, maximum(y, z))),
        (maximum(x, y) + minimum(x, y), x + y),
        (maximum(x, y) * minimum(x, y), x * y),
        (maximum(x, y) - minimum(x, y), absolute(x - y)),
        (maximum(x, x + number(c)), x + number(c)),
        (maximum(x + z, y + z), maximum(x, y) + z),
        (maximum(number(c) * x, number(c) * y), number(c) * maximum(x, y)),
        (minimum(x, maximum(x, y)), x),
        (maximum(minimum(x, y), minimum(x, z)), minimum(x, maximum(y, z))),
        (relu(x) - relu(-x), x),
        (relu(x) + relu(-x), absolute(x)),
        (relu(x) * relu(x), relu(x) * x),
        (relu(x) * relu(-x), 0 * x),
        (relu(relu(x) + 1), relu(x) + 1),
        (maximum(x, number("0.1") * x), relu(x) - number("0.1") * relu(-x), where_leaky(x)),
        (minimum(maximum(x, number(-1)), number(1)), maximum(minimum(x, number(1)), number(-1)), clamp(x, -1, 1)),
        (clamp(x, 0, 6), minimum(relu(x), 6), relu(x) - relu(x - 6)),
        (absolute(x * y), absolute(x) * absolute(y)),
        (absolute(absolute(x) - absolute(y)), maximum(absolute(x), absolute(y)) - minimum(absolute(x), absolute(y))),
        (exp(maximum(x, y)), maximum(exp(x), exp(y))),
        (maximum(x**2, y**2), maximum(absolute(x), absolute(y)) ** 2),
        (minimum(x, y) + minimum(x, z), minimum(minimum(2 * x, x + z), minimum(x + y, y + z))),
    ]
    return Family(sizes, random.choice(options))


def clamp(x: Term, low: int, high: int) -> Term:
    return minimum(maximum(x, number(low)), number(high))


def where_leaky(x: Term) -> Term:
    return number("0.55") * x + number("0.45") * unary("abs", x)


@family
def activations(random: Random) -> Family:
    sizes = _sizes(random, Q=(1, 3, 4))
    x = read("X", "Q") if random.random() < 0.7 else read("X", "Q") + read("Y", "Q")
    f = lambda name, t: unary(name, t)
    s, t, sp = f("sigmoid", x), f("tanh", x), f("softplus", x)
    options: list[tuple[Term, ...]] = [
        (s, 1 / (1 + exp(-x)), 1 - f("sigmoid", -x), (1 + f("tanh", x / 2)) / 2),
        (t, 2 * f("sigmoid", 2 * x) - 1, (exp(x) - exp(-x)) / (exp(x) + exp(-x)), -f("tanh", -x)),
        (s * (1 - s), exp(-x) / (1 + exp(-x)) ** 2, s * f("sigmoid", -x)),
        (1 - t**2, 4 * f("sigmoid", 2 * x) * f("sigmoid", -2 * x), 4 / (exp(x) + exp(-x)) ** 2),
        (s + x * s * (1 - s), s * (1 + x * (1 - s)), s + f("silu", x) * f("sigmoid", -x)),
        (sp, x + f("softplus", -x), f("relu", x) + f("softplus", -f("abs", x)), -log(f("sigmoid", -x))),
        (exp(sp), 1 + exp(x)),
        (log(s), -f("softplus", -x), x - sp),
        (f("silu", x) - f("silu", -x), x),
        (f("silu", x) + f("silu", -x), x * f("tanh", x / 2)),
        (f("gelu", x) - f("gelu", -x), x),
        (f("gelu", x), x * (1 + f("erf", x / sqrt(number(2)))) / 2, x - x * (1 - f("erf", x / sqrt(number(2)))) / 2),
        (f("gelu_tanh", x) - f("gelu_tanh", -x), x),
        (x * f("sigmoid", number("2") * sqrt(2 / number("pi")) * (x + number("0.044715") * x**3)), f("gelu_tanh", x)),
        (f("tanh", 2 * x), 2 * t / (1 + t**2)),
        (x * f("tanh", sp), x * ((1 + exp(x)) ** 2 - 1) / ((1 + exp(x)) ** 2 + 1)),
        (f("erf", x) + f("erf", -x), 0 * x),
        (f("sin", x) ** 2 + f("cos", x) ** 2, 1 + 0 * x),
        (f("sin", 2 * x), 2 * f("sin", x) * f("cos", x)),
        (f("cos", 2 * x), 1 - 2 * f("sin", x) ** 2, f("cos", x) ** 2 - f("sin", x) ** 2),
        (f("silu", x), x / (1 + exp(-x)), x * s, x - x * f("sigmoid", -x)),
    ]
    return Family(sizes, random.choice(options))


@family
def rotations(random: Random) -> Family:
    sizes = _sizes(random, Q=(2, 3), D=(2, 3))
    a, b, t = read("A", "Q D"), read("B", "Q D"), read("T", "Q D")
    u = read("U", "Q D")
    sin, cos = (lambda z: unary("sin", z)), (lambda z: unary("cos", z))
    x, y = a * cos(t) - b * sin(t), a * sin(t) + b * cos(t)
    options: list[tuple[Term, ...]] = [
        (x * x + y * y, a * a + b * b),
        (x * cos(u) - y * sin(u), a * cos(t + u) - b * sin(t + u)),
        (x * sin(u) + y * cos(u), a * sin(t + u) + b * cos(t + u)),
        (x * cos(t) + y * sin(t), a),
        (sin(t + u), sin(t) * cos(u) + cos(t) * sin(u)),
        (cos(t - u), cos(t) * cos(u) + sin(t) * sin(u)),
        (cos(t) * cos(u), (cos(t - u) + cos(t + u)) / 2),
        (total("D", x * cos(u) + y * sin(u)), total("D", a * cos(t - u) - b * sin(t - u))),
    ]
    return Family(sizes, random.choice(options))


@family
def sums(random: Random) -> Family:
    sizes, x, y = _rows(random)
    n = sizes["K"]
    c = _constant(random)
    a, b = read("A", "Q"), read("B", "K")
    cut = random.randint(1, n - 1)
    low, high = compare("K", "<", cut), compare("K", ">=", cut)
    sx = total("K", x)
    options: list[tuple[Term, ...]] = [
        (sx, total("K", x, low) + total("K", x, high)),
        (sx, total("K", read("X", "Q K", K=(0, cut))) + total("K", read("X", "Q K", K=(cut, n)))),
        (total("K", x + y), sx + total("K", y)),
        (total("K", a * x), a * sx),
        (total("K", spread(a, "Q K")), n * a),
        (total("K", x * b), contract("Q", x, b)),
        (total("K", x) * total("K", y), total("K", x * total("K", y))),
        (total("K", number(c) * x + b), number(c) * sx + total("K", b)),
        (sx**2, total("K", x * sx)),
        (total("Q", total("K", x)), total("K", total("Q", x))),
        (total("K", x, compare("K % 2", "==", 0)) + total("K", x, compare("K % 2", "==", 1)), sx),
        (total("K", x, low) + sx, 2 * total("K", x, low) + total("K", x, high)),
        (sx - total("K", x, low), total("K", x, high)),
        (total("K", at("K", f"{n - 1} - K", x)), sx),
        (total("K", at("K", "K + 1", x), compare("K", "<", n - 1)), total("K", x, compare("K", ">=", 1))),
        (total("K", at("K", f"(K + 1) % {n}", x)), sx),
        (total("K", exp(x + a)), exp(a) * total("K", exp(x))),
        (total("K", x / (a * a + 1)), sx / (a * a + 1)),
        (total("K", mask(x, low)), total("K", x, low), sx - total("K", mask(x, high))),
        (reduce("mean", "K", x), sx / n, sx / "size(K)"),
        (reduce("mean", "K", x, low), total("K", x, low) / cut),
        (total("K", x * x, low), total("K", x * mask(x, low))),
    ]
    return Family(sizes, random.choice(options))


@family
def prefixes(random: Random) -> Family:
    n = random.choice((3, 4, 5))
    sizes = {"Q": n, "K": n}
    x, b, a = read("X", "Q K"), read("B", "K"), read("A", "Q")
    p, q = _causal(random)
    one = spread(number(1), "Q K")
    options: list[tuple[Term, ...]] = [
        (total("K", x, p), total("K", x, q), total("K", mask(x, q))),
        (total("K", b, compare("K", "<=", "Q")), total("K", b) - total("K", b, compare("K", ">", "Q"))),
        (total("K", one, compare("K", "<=", "Q")), total("K", spread(number(1), "Q K"), compare("Q", ">=", "K"))),
        (
            total("Q", a * total("K", b, compare("K", "<=", "Q"))),
            total("K", b * total("Q", a, compare("K", "<=", "Q"))),
        ),
        (total("K", x, compare("K", "==", "Q")), at("K", "Q", x)),
        (total("Q", total("K", x, p)), total("K", total("Q", x, q))),
        (total("K", total("Q", a * b, p)), total("Q", a * total("K", b, q))),
        (total("K", one, p) * a, total("K", spread(a, "Q K"), q)),
        (greatest("K", x, p), greatest("K", x, q), greatest("K", where(q, x, -INFINITY))),
        (
            total("K", b, compare("K", "<", "Q")) + total("K", b, compare("K", "==", "Q")),
            total("K", b, compare("K", "<=", "Q")),
        ),
    ]
    return Family(sizes, random.choice(options))


@family
def maxima(random: Random) -> Family:
    sizes, x, y = _rows(random)
    n = sizes["K"]
    a, b = read("A", "Q"), read("B", "K")
    c = _constant(random)
    cut = random.randint(1, n - 1)
    wide = random.randint(cut, n)
    low, high = compare("K", "<", wide), compare("K", ">=", cut)
    g = greatest("K", x)
    options: list[tuple[Term, ...]] = [
        (g, maximum(greatest("K", x, low), greatest("K", x, high))),
        (g, maximum(greatest("K", read("X", "Q K", K=(0, wide))), greatest("K", read("X", "Q K", K=(cut, n))))),
        (greatest("K", x + a), g + a),
        (greatest("K", number(c) * x), number(c) * g),
        (greatest("K", x * a * a), g * a**2),
        (greatest("K", exp(a) * x), g * exp(a)),
        (greatest("K", -x), -reduce("min", "K", x)),
        (greatest("K", x / -4), -reduce("min", "K", x) / 4),
        (greatest("K", exp(x)), exp(g)),
        (greatest("K", unary("relu", x)), unary("relu", g)),
        (greatest("K", maximum(x, y)), maximum(g, greatest("K", y)), contract("Q", x, y, name="max")),
        (greatest("K", clamp(x, -1, 1)), clamp(g, -1, 1)),
        (greatest("K", unary("tanh", x)), unary("tanh", g)),
        (greatest("K", unary("sigmoid", x)), unary("sigmoid", g)),
        (greatest("K", unary("abs", x)), maximum(g, -reduce("min", "K", x))),
        (greatest("K", x - g), 0 * a),
        (greatest("Q", greatest("K", x)), greatest("K", greatest("Q", x))),
        (greatest("K", spread(a, "Q K")), a),
        (greatest("K", x * unary("abs", a)), g * unary("abs", a)),
        (greatest("K", x / (a * a + 1)), g / (1 + a**2)),
        (greatest("K", log(1 + exp(x))), unary("softplus", g)),
        (reduce("min", "K", x + b), -greatest("K", -x - b)),
        (greatest("K", x, both(low, compare("K", ">=", 0))), greatest("K", x, low)),
        (greatest("K", x**3), g**3) if random.random() < 0.5 else (greatest("K", x + x), 2 * g),
        (greatest("K", minimum(x, spread(a, "Q K"))), minimum(g, a)),
    ]
    return Family(sizes, random.choice(options))


@family
def masks(random: Random) -> Family:
    n = random.choice((4, 6, 8))
    sizes = {"Q": n}
    x, y = read("X", "Q"), read("Y", "Q")
    c = random.randint(1, n - 1)
    p, q = compare("Q", "<", c), compare("Q", ">=", c)
    even = compare("Q % 2", "==", 0)
    options: list[tuple[Term, ...]] = [
        (mask(x, p) + mask(x, q), x),
        (where(p, x, y), mask(x, p) + mask(y, q), y + mask(x - y, p)),
        (mask(x, p) * mask(y, q), 0 * x),
        (mask(x, p) * y, mask(x * y, p), mask(x, p) * mask(y, p)),
        (x / (1 + mask(y * y, p)), mask(x / (1 + y * y), p) + mask(x, q)),
        (exp(mask(x, p)), where(p, exp(x), 1)),
        (mask(mask(x, p), even), mask(x, both(p, even))),
        (mask(x, either(p, even)), mask(x, p) + mask(x, both(even, q))),
        (where(p, where(even, x, y), y), where(both(p, even), x, y)),
        (unary("relu", mask(x, p)), mask(unary("relu", x), p)),
        (maximum(mask(x, p), mask(y, p)), mask(maximum(x, y), p)),
        (mask(x, compare("Q", ">=", 0)), x),
        (mask(x, compare("Q", "<", 0)), 0 * x),
        (mask(x, p) ** 2, mask(x * x, p)),
        (where(p, x, -x) ** 2, x**2),
        (
            where(compare("Q // 2", "==", c // 2), x, 0),
            mask(x, both(compare("Q", ">=", c // 2 * 2), compare("Q", "<", c // 2 * 2 + 2))),
        ),
        (where(p, x / 2, x / 2), x / 2),
    ]
    return Family(sizes, random.choice(options))


@family
def contractions(random: Random) -> Family:
    sizes = _sizes(random, Q=(2, 3), K=(2, 3, 4), D=(2, 3), E=(2, 3))
    a, b, c = read("A", "Q K"), read("B", "K D"), read("C", "D E")
    x, y, v = read("X", "Q K"), read("Y", "Q K"), read("V", "K")
    g = read("G", "Q")
    options: list[tuple[Term, ...]] = [
        (
            contract("Q E", contract("Q D", a, b), c),
            contract("Q E", a, contract("K E", b, c)),
            contract("Q E", a, b, c),
        ),
        (contract("Q D", x + y, b), contract("Q D", x, b) + contract("Q D", y, b)),
        (contract("Q D", x * v, b), contract("Q D", x, b * v), contract("Q D", x, v, b)),
        (contract("Q D", g * x, b), g * contract("Q D", x, b)),
        (contract("Q D", x, b), total("K", x * b)),
        (contract("Q", contract("Q D", a, b)), contract("Q", a, contract("K", b))),
        (contract("Q", a, a), total("K", a**2)),
        (contract("Q D", 2 * a, b / 2), contract("Q D", a, b)),
        (contract("D", contract("K", a), b), contract("D", a, b)),
        (contract("Q D", x - y, b - b), 0 * contract("Q D", x, b)),
        (
            contract("Q E", contract("Q D", exp(a), b), c) / total("K", exp(a)),
            contract("Q E", softmax("K", a), contract("K E", b, c)),
        ),
    ]
    return Family(sizes, random.choice(options))


@family
def softmaxes(random: Random) -> Family:
    n = random.choice((3, 4, 6))
    sizes = {"Q": n, "K": n}
    x, s, t = read("X", "Q K"), read("S", "Q"), read("T", "K")
    p, q = _causal(random)
    c = _constant(random)
    g, gp = greatest("K", x), greatest("K", x, p)
    moved = exp(x - g)
    cut = random.randint(1, n - 1)
    options: list[tuple[Term, ...]] = [
        (softmax("K", x), exp(x) / total("K", exp(x)), moved / total("K", moved), online("K", x, cut)),
        (softmax("K", x + s), softmax("K", x)),
        (softmax("K", x, p), mask(exp(x - gp), p) / total("K", exp(x - gp), q), softmax("K", where(q, x, -INFINITY))),
        (softmax("K", x + t), exp(x) * exp(t) / total("K", exp(t + x))),
        (softmax("K", number(c) * x), exp(number(c) * x) / total("K", exp(x * number(c)))),
        (total("K", softmax("K", x)), 1 + 0 * s),
        (total("K", softmax("K", x, p)), 1 + 0 * s),
        (softmax("K", x) * total("K", exp(x)), exp(x)),
        (softmax("K", (x - g) / 2), softmax("K", x / 2)),
        (log(softmax("K", x)), x - reduce("logsumexp", "K", x), x - g - log(total("K", moved))),
        (reduce("logsumexp", "K", x), log(total("K", exp(x))), g + log(total("K", moved))),
        (reduce("logsumexp", "K", x + s), s + reduce("logsumexp", "K", x)),
        (reduce("logsumexp", "K", x, p), log(total("K", exp(x), q))),
        (exp(x - reduce("logsumexp", "K", x, p)) * total("K", exp(x), q), exp(x)),
        (softmax("K", x) / greatest("K", softmax("K", x)), moved),
    ]
    return Family(sizes, random.choice(options))


@family
def attention(random: Random) -> Family:
    n = random.choice((3, 4))
    sizes = {"Q": n, "K": n, **_sizes(random, D=(2, 3), E=(2, 3))}
    q, k, v = read("A", "Q E"), read("B", "K E"), read("V", "K D")
    s0 = contract("Q K", q, k)
    p, r = _causal(random)
    bias = read("S", "K")
    slope = read("H", "Q")
    soft = lambda z: 5 * unary("tanh", z / 5)
    kind = random.randrange(6)
    score = [s0, s0 / 2, s0 / sqrt(number("size(E)")), soft(s0), s0 + bias, s0 + slope * bias][kind]
    cut = random.randint(1, n - 1)
    low, high = compare("K", "<", cut), compare("K", ">=", cut)
    spec = contract("Q D", softmax("K", score), v)
    masked = contract("Q D", softmax("K", score, p), v)
    e = exp(score)
    m1, m2 = greatest("K", score, low), greatest("K", score, high)
    m = maximum(m1, m2)
    l1, l2 = total("K", exp(score - m1), low), total("K", exp(score - m2), high)
    o1, o2 = total("K", exp(score - m1) * v, low), total("K", exp(score - m2) * v, high)
    merged = (o1 * exp(m1 - m) + o2 * exp(m2 - m)) / (l1 * exp(m1 - m) + l2 * exp(m2 - m))
    z1, z2 = m1 + log(l1), m2 + log(l2)
    z = log(exp(z1) + exp(z2))
    by_lse = o1 / l1 * exp(z1 - z) + o2 / l2 * exp(z2 - z)
    running = (o1 / l1 * l1 * exp(m1 - m) + o2 * exp(m2 - m)) / (l1 * exp(m1 - m) + l2 * exp(m2 - m))
    sink = read("W", "Q")
    top = maximum(greatest("K", score), sink)
    options: list[tuple[Term, ...]] = [
        (spec, contract("Q D", e, v) / total("K", e)),
        (spec, merged),
        (spec, by_lse),
        (spec, running),
        (masked, total("K", e * v, r) / total("K", e, r)),
        (masked, contract("Q D", mask(e, r), v) / total("K", mask(e, p))),
        (spec, contract("Q D", softmax("K", score + slope), v)),
        (
            contract("Q D", e, v) / (total("K", e) + exp(sink)),
            contract("Q D", exp(score - top), v) / (total("K", exp(score - top)) + exp(sink - top)),
        ),
        (contract("Q D", softmax("K", score), v + v), 2 * spec),
        (contract("Q D", softmax("K", where(p, score, -INFINITY)), v), masked),
    ]
    return Family(sizes, random.choice(options))


@family
def norms(random: Random) -> Family:
    sizes, x, _ = _rows(random)
    n = sizes["K"]
    g, b, r = read("G", "K"), read("B", "K"), read("R", "Q K")
    e = random.choice(("1", "0.00001", "1e-6", "0.1"))
    mean = reduce("mean", "K", x)
    var1 = reduce("mean", "K", (x - mean) ** 2)
    var2 = reduce("mean", "K", x * x) - mean * mean
    var3 = total("K", x * x) / n - total("K", x) * total("K", x) / (n * n)
    ms = reduce("mean", "K", x * x)
    h = x + r
    cut = random.randint(1, n - 1)
    low, high = compare("K", "<", cut), compare("K", ">=", cut)
    na, nb = cut, n - cut
    ma, mb = total("K", x, low) / na, total("K", x, high) / nb
    m2a, m2b = total("K", (x - ma) ** 2, low), total("K", (x - mb) ** 2, high)
    delta = mb - ma
    welford = (m2a + m2b + delta**2 * (na * number(nb) / n)) / n
    options: list[tuple[Term, ...]] = [
        (var1, var2, var3, welford),
        ((x - mean) / sqrt(var1 + e), (x - mean) * unary("rsqrt", var2 + e), (x - mean) / sqrt(welford + e)),
        ((x - mean) / sqrt(var1 + e) * g + b, (x * g - mean * g) * unary("rsqrt", var2 + e) + b),
        (x / sqrt(ms + e), x * unary("rsqrt", total("K", x**2) / n + e)),
        (x * unary("rsqrt", ms + e) * g, g * (x / sqrt(ms + e))),
        (h / sqrt(reduce("mean", "K", h * h) + e) * g, (x * g + g * r) * unary("rsqrt", total("K", h**2) / n + e)),
        (total("K", x - mean), 0 * total("K", x)),
        (total("K", (x - mean) * x), total("K", (x - mean) ** 2)),
        (x / sqrt(total("K", x * x) + e), x * unary("rsqrt", (e + total("K", x**2)))),
        (maximum(x, 0) / (1 + greatest("K", unary("abs", x))), unary("relu", x) / (1 + greatest("K", sqrt(x * x)))),
    ]
    return Family(sizes, random.choice(options))


@family
def layers(random: Random) -> Family:
    sizes = _sizes(random, Q=(2, 3), K=(3, 4), D=(2, 3))
    x, w, u, g = read("X", "Q K"), read("W", "K D"), read("U", "K D"), read("G", "K")
    b = read("B", "D")
    xw, xu = contract("Q D", x, w), contract("Q D", x, u)
    r = unary("rsqrt", reduce("mean", "K", x * x) + "0.001")
    options: list[tuple[Term, ...]] = [
        (unary("silu", xw) * xu, xw * xu / (1 + exp(-xw)), xu * xw * unary("sigmoid", xw)),
        (contract("Q D", x * r * g, w), r * contract("Q D", x * g, w), r * contract("Q D", x, g * w)),
        (unary("relu", xw + b), maximum(xw + b, 0), maximum(xw, -b) + b),
        (unary("gelu", xw + b), (xw + b) * (1 + unary("erf", (b + xw) / sqrt(number(2)))) / 2),
        (contract("Q D", x, w) + contract("Q D", x, u), contract("Q D", x, w + u)),
        (unary("sigmoid", xw) * xu, xu / (1 + exp(-contract("Q D", w, x)))),
        (contract("Q D", unary("relu", x), w), total("K", maximum(x, 0) * w)),
    ]
    return Family(sizes, random.choice(options))


@family
def losses(random: Random) -> Family:
    n = random.choice((4, 6))
    sizes = {"Q": random.choice((3, 4)), "K": n}
    x, y = read("X", "Q K"), read("Y", "Q K")
    cut = random.randint(1, n - 1)
    low, high = compare("K", "<", cut), compare("K", ">=", cut)
    lse = reduce("logsumexp", "K", x)
    chunked = log(exp(reduce("logsumexp", "K", x, low)) + exp(reduce("logsumexp", "K", x, high)))
    m1 = greatest("K", x, low)
    m = maximum(m1, greatest("K", x, high))
    run = total("K", exp(x - m1), low) * exp(m1 - m) + total("K", exp(x - m), high)
    streaming = m + log(run)
    label = at("K", "0", x)
    options: list[tuple[Term, ...]] = [
        (lse, chunked, streaming),
        (lse - label, streaming - label, -log(at("K", "0", softmax("K", x)))),
        (-total("K", y * log(softmax("K", x))), total("K", y) * lse - total("K", y * x)),
        (total("K", (x - y) ** 2), total("K", x * x) + total("K", y * y) - 2 * total("K", x * y)),
        (
            softmax("K", x) * (y - total("K", softmax("K", x) * y)),
            softmax("K", x) * y - softmax("K", x) * total("K", softmax("K", x) * y),
        ),
        (reduce("mean", "K", unary("softplus", x) - x * y), reduce("mean", "K", unary("softplus", -x) + x * (1 - y))),
        (total("K", unary("abs", x - y)), total("K", maximum(x, y) - minimum(y, x))),
    ]
    return Family(sizes, random.choice(options))


@family
def strides(random: Random) -> Family:
    half = random.choice((2, 3, 4))
    sizes = {"Q": 3, "K": 2 * half, "H": half}
    x, y = read("X", "Q K"), read("Y", "Q K")
    ex, ox = at("K", "2 * H", x), at("K", "2 * H + 1", x)
    even, odd = compare("K % 2", "==", 0), compare("K % 2", "==", 1)
    f = lambda z: exp(z)
    options: list[tuple[Term, ...]] = [
        (total("H", ex), total("K", x, even)),
        (total("H", ex + ox), total("K", x)),
        (total("H", f(ex)) + total("H", f(ox)), total("K", f(x))),
        (total("H", ex * ox), total("K", x * at("K", "K + 1 - 2 * (K % 2)", x), even)),
        (total("H", at("K", "2 * H", x) * at("K", "2 * H", y)), total("K", x * y, even)),
        (greatest("H", maximum(ex, ox)), greatest("K", x)),
        (maximum(greatest("K", x, even), greatest("K", x, odd)), greatest("K", x)),
        (total("H", at("K", f"H + {half}", x)) + total("H", at("K", "H", x)), total("K", x)),
        (at("H", "K // 2", ex), at("K", "K // 2 * 2", x)),
        (total("K", at("H", "K // 2", read("Z", "Q H"))), 2 * total("H", read("Z", "Q H"))),
        (total("K", x * at("H", "K // 2", read("Z", "Q H"))), total("H", read("Z", "Q H") * (ex + ox))),
    ]
    return Family(sizes, random.choice(options))
