"""Random polynomials and matrices of polynomials as elements of SymPy's sparse polynomial rings.

The parameters and the distributions are those that CALT documents (calt-x 1.5.0, `PolynomialSampler` of its SymPy
backend). All draws come from Python's global generator: `random.seed(seed)` fixes a sample.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import getrandbits
from typing import TYPE_CHECKING, Any

from mpmath.libmp import MPZ, from_man_exp
from sympy.ntheory.primetest import isprime
from sympy.polys.domains import GF, QQ, RR, ZZ
from sympy.polys.domains.domain import Domain
from sympy.polys.orderings import MonomialOrder
from sympy.polys.rings import PolyElement, PolyRing

from algebraset.samplers.monomials import Monomial, count_monomials_up_to, monomial_chooser, randbelow

if TYPE_CHECKING:
    import numpy as np

FIELDS = ("ZZ", "QQ", "RR", "GF(p)")
ORDERS = ("lex", "grlex", "grevlex", "ilex", "igrlex", "igrevlex")
MODES = ("uniform", "fixed")
MATRIX_TYPES = (None, "unimodular_upper_triangular")

# Coefficients are drawn from a table of ready field elements when there are at most this many.
COEFFICIENT_TABLE_LIMIT = 4096
DEFAULT_COEFFICIENT_BOUND = 10


@lru_cache(maxsize=256)
def parse_field(field_str: str) -> Domain:
    """Return the SymPy domain called `ZZ`, `QQ`, `RR`, `GF(p)` or `GFp` (p a prime number).

    Raises:
        ValueError: another name, or a field size that is not prime.
    """
    standard = {"ZZ": ZZ, "QQ": QQ, "RR": RR}
    if field_str in standard:
        return standard[field_str]
    digits = ""
    if isinstance(field_str, str) and field_str.startswith("GF"):
        digits = field_str[2:]
        if digits.startswith("(") and digits.endswith(")"):
            digits = digits[1:-1].strip()
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"field_str = {field_str!r}: allowed are {', '.join(FIELDS)} with a prime p, as in GF(7)")
    if not isprime(int(digits)):
        raise ValueError(
            f"field_str = {field_str!r}: {digits} is not a prime number; SymPy's GF(p) needs a prime, "
            "prime powers are not supported"
        )
    return GF(int(digits))


@lru_cache(maxsize=256)
def polynomial_ring(symbols: str | tuple[str, ...], field_str: str, order: str | MonomialOrder) -> PolyRing:
    """Return the polynomial ring, the same object for the same arguments: making one costs more than a sample.

    Raises:
        ValueError: no or repeated symbols, an unknown field, or an unknown term order.
    """
    domain = parse_field(field_str)
    if isinstance(order, str):
        if order not in ORDERS:
            raise ValueError(f"order = {order!r}: allowed are {', '.join(ORDERS)}, or a SymPy MonomialOrder")
    elif not callable(order):
        raise ValueError(f"order = {order!r}: allowed are {', '.join(ORDERS)}, or a SymPy MonomialOrder")
    ring = PolyRing(symbols, domain, order)
    if ring.ngens < 1:
        raise ValueError(f"symbols = {symbols!r}: at least one variable is needed, as in 'x, y'")
    if len(set(ring.symbols)) < ring.ngens:
        raise ValueError(f"symbols = {symbols!r}: a variable is repeated")
    return ring


class PolynomialSampler:
    """Draws random polynomials that fulfil stated conditions.

    A sample's degree is drawn first (`degree_sampling`), then its number of terms (`term_sampling`), then that many
    distinct monomials of at most this degree, then their coefficients.

    Args:
        symbols: names of the variables, as in `"x, y, z"` or `"x(:3)"`, or a sequence of names.
        field_str: `"ZZ"`, `"QQ"`, `"RR"`, or `"GF(p)"` with p prime.
        order: term order: lex, grlex, grevlex, ilex, igrlex, igrevlex, or a SymPy `MonomialOrder`.
        max_num_terms: largest number of terms; None for all monomials of the drawn degree and below.
        max_degree: largest total degree.
        min_degree: smallest total degree; the zero polynomial counts as degree 0.
        degree_sampling: `"uniform"`: the degree is uniform in [min_degree, max_degree], and each term's degree is
            uniform in [0, degree] before its monomial is uniform among those of that degree; `"fixed"`: the
            degree is max_degree, and the monomials are uniform among all of degree at most max_degree.
        term_sampling: `"uniform"`: the number of terms is uniform in [1, m]; `"fixed"`: it is m; m is the
            smaller of max_num_terms and the number of monomials there are.
        max_coeff: for ZZ (uniform integers in [-max_coeff, max_coeff]) and RR (uniform in the same interval);
            10 where not given. GF(p) is uniform and ignores it.
        num_bound: for QQ: numerator uniform in [-num_bound, num_bound], denominator in [1, num_bound]; 10 where
            not given.
        strictly_conditioned: True: the total degree and the number of terms are exactly the drawn ones. False:
            only min_degree (and nonzero_instance) hold; degree and number of terms may be smaller.
        nonzero_instance: no coefficient is zero, so no polynomial is. False allows zero coefficients, and with them
            fewer terms and the zero polynomial (which strictly_conditioned again excludes).
        max_attempts: trials per polynomial before giving up with an error.

    Raises:
        ValueError: a parameter is wrong, or no polynomial can fulfil all conditions together.
    """

    def __init__(
        self,
        symbols: str | Sequence[str],
        field_str: str,
        order: str | MonomialOrder = "grevlex",
        max_num_terms: int | None = 10,
        max_degree: int = 5,
        min_degree: int = 0,
        degree_sampling: str = "uniform",
        term_sampling: str = "uniform",
        max_coeff: int | float | None = None,
        num_bound: int | None = None,
        strictly_conditioned: bool = True,
        nonzero_instance: bool = True,
        max_attempts: int = 1000,
    ) -> None:
        self.symbols = symbols if isinstance(symbols, str) else tuple(str(s) for s in symbols)
        self.field_str = field_str
        self.order = order
        self.max_num_terms = max_num_terms
        self.max_degree = max_degree
        self.min_degree = min_degree
        self.degree_sampling = degree_sampling
        self.term_sampling = term_sampling
        self.max_coeff = max_coeff
        self.num_bound = num_bound
        self.strictly_conditioned = strictly_conditioned
        self.nonzero_instance = nonzero_instance
        self.max_attempts = max_attempts

        _require_choice("degree_sampling", degree_sampling, MODES)
        _require_choice("term_sampling", term_sampling, MODES)
        _require_integer("max_degree", max_degree, 0)
        _require_integer("min_degree", min_degree, 0)
        _require_integer("max_attempts", max_attempts, 1)
        if max_num_terms is not None:
            _require_integer("max_num_terms", max_num_terms, 1)
        if min_degree > max_degree:
            raise ValueError(f"min_degree = {min_degree} is larger than max_degree = {max_degree}")

        self._ring = polynomial_ring(self.symbols, field_str, order)
        self._chooser = monomial_chooser(self._ring.ngens, max_degree)
        # A polynomial with exactly the drawn number of terms has no zero coefficient: strictly_conditioned implies it.
        self._nonzero = bool(nonzero_instance or strictly_conditioned)
        self._draw_coefficients = self._coefficient_source()

    def __reduce__(self) -> tuple[type[PolynomialSampler], tuple[Any, ...]]:
        return type(self), (
            self.symbols,
            self.field_str,
            self.order,
            self.max_num_terms,
            self.max_degree,
            self.min_degree,
            self.degree_sampling,
            self.term_sampling,
            self.max_coeff,
            self.num_bound,
            self.strictly_conditioned,
            self.nonzero_instance,
            self.max_attempts,
        )

    def get_field(self) -> Domain:
        """Return the SymPy domain of the coefficients."""
        return self._ring.domain

    def get_ring(self) -> PolyRing:
        """Return the polynomial ring of the samples."""
        return self._ring

    def total_degree(self, poly: PolyElement) -> int:
        """Return the largest total degree of a monomial of `poly`; 0 for the zero polynomial."""
        return max(map(sum, poly), default=0)

    def sample(
        self,
        num_samples: int = 1,
        size: tuple[int, int] | None = None,
        density: float = 1.0,
        matrix_type: str | None = None,
    ) -> list[PolyElement] | list[np.ndarray]:
        """Return `num_samples` independent polynomials, or matrices of them.

        Args:
            num_samples: how many, at least 0.
            size: (rows, columns) for matrices: NumPy arrays of dtype object and this shape.
            density: for matrices: the probability that an entry is drawn; otherwise it is zero.
            matrix_type: `"unimodular_upper_triangular"`: one on the diagonal and zero below it.

        Raises:
            ValueError: a wrong argument.
            RuntimeError: no polynomial fulfilled a condition, which the text names, in max_attempts trials.
        """
        _require_integer("num_samples", num_samples, 0)
        _require_choice("matrix_type", matrix_type, MATRIX_TYPES)
        if not 0 <= density <= 1:
            raise ValueError(f"density = {density!r}: allowed is a probability in [0, 1]")
        if size is None:
            if density != 1 or matrix_type is not None:
                raise ValueError("density and matrix_type are for matrices: size = (rows, columns) is missing")
            return [self._sample_polynomial() for _ in range(num_samples)]
        rows, columns = size
        _require_integer("size[0]", rows, 0)
        _require_integer("size[1]", columns, 0)
        return [self._sample_matrix(rows, columns, density, matrix_type) for _ in range(num_samples)]

    def _sample_polynomial(self) -> PolyElement:
        degree = self.max_degree
        if self.degree_sampling == "uniform":
            degree = self.min_degree + randbelow(degree - self.min_degree + 1)
        num_terms = count_monomials_up_to(self._ring.ngens, degree)
        if self.max_num_terms is not None and self.max_num_terms < num_terms:
            num_terms = self.max_num_terms
        if self.term_sampling == "uniform":
            num_terms = 1 + randbelow(num_terms)

        strict = self.strictly_conditioned
        if strict and num_terms == 1:
            # Given that the only monomial has this degree it is uniform in its degree, whichever mode drew it.
            return self._ring.dtype(self._with_coefficients([self._chooser.choose_of_degree(degree)]))
        degree_first = self.degree_sampling == "uniform"
        for _ in range(self.max_attempts):
            monomials, top = self._chooser.choose(degree, num_terms, degree_first)
            if top < (degree if strict else self.min_degree):
                continue
            terms = self._with_coefficients(monomials)
            if not self._nonzero:
                terms = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
                if max(map(sum, terms), default=0) < self.min_degree:
                    continue
            return self._ring.dtype(terms)
        wanted = f"total degree {degree} with {num_terms} terms" if strict else f"total degree >= {self.min_degree}"
        raise RuntimeError(
            f"no polynomial of {wanted} in max_attempts = {self.max_attempts} trials "
            f"(degree_sampling = {self.degree_sampling!r}, drawn degree {degree}, drawn number of terms {num_terms})"
        )

    def _with_coefficients(self, monomials: list[Monomial]) -> dict[Monomial, Any]:
        return dict(zip(monomials, self._draw_coefficients(len(monomials)), strict=True))

    def _sample_matrix(self, rows: int, columns: int, density: float, matrix_type: str | None) -> np.ndarray:
        import numpy as np

        triangular = matrix_type == "unimodular_upper_triangular"
        matrix = np.empty((rows, columns), dtype=object)
        for i in range(rows):
            for j in range(columns):
                if triangular and i >= j:
                    matrix[i, j] = self._ring.one if i == j else self._ring.zero
                elif random.random() < density:
                    matrix[i, j] = self._sample_polynomial()
                else:
                    matrix[i, j] = self._ring.zero
        return matrix

    def _coefficient_source(self) -> Callable[[int], list[Any]]:
        """Return a function that draws the coefficients of n terms, and check the bounds on them."""
        domain = self._ring.domain
        if domain.is_QQ:
            bound = DEFAULT_COEFFICIENT_BOUND if self.num_bound is None else self.num_bound
            _require_integer("num_bound", bound, 1)
            return _rational_source(bound, self._nonzero)
        if domain.is_FiniteField:
            return _residue_source(domain, self._nonzero)
        bound = DEFAULT_COEFFICIENT_BOUND if self.max_coeff is None else self.max_coeff
        if domain.is_ZZ:
            _require_integer("max_coeff", bound, 0)
        elif isinstance(bound, bool) or not isinstance(bound, (int, float)) or not 0 <= bound < 1e300:
            raise ValueError(f"max_coeff = {bound!r}: for RR a number in [0, 1e300) is needed")
        if bound == 0 and (self._nonzero or self.min_degree > 0):
            raise ValueError(
                "max_coeff = 0 leaves only zero coefficients, which contradicts strictly_conditioned, "
                "nonzero_instance or min_degree > 0"
            )
        if domain.is_ZZ:
            return _integer_source(bound, self._nonzero)
        return _real_source(float(bound), self._nonzero)


def _from_table(table: list[Any]) -> Callable[[int], list[Any]]:
    size = len(table)
    bits = (size - 1).bit_length()

    def draw(count: int) -> list[Any]:
        coefficients = []
        while count:
            index = getrandbits(bits)
            if index < size:
                coefficients.append(table[index])
                count -= 1
        return coefficients

    return draw


def _from_function(make: Callable[[], Any], nonzero: bool) -> Callable[[int], list[Any]]:
    def draw(count: int) -> list[Any]:
        coefficients = []
        while count:
            coefficient = make()
            if coefficient or not nonzero:
                coefficients.append(coefficient)
                count -= 1
        return coefficients

    return draw


def _integer_source(bound: int, nonzero: bool) -> Callable[[int], list[Any]]:
    if 2 * bound + 1 <= COEFFICIENT_TABLE_LIMIT:
        return _from_table([ZZ(c) for c in range(-bound, bound + 1) if c or not nonzero])
    return _from_function(lambda: ZZ(randbelow(2 * bound + 1) - bound), nonzero)


def _rational_source(bound: int, nonzero: bool) -> Callable[[int], list[Any]]:
    if (2 * bound + 1) * bound <= COEFFICIENT_TABLE_LIMIT:
        # One entry per pair, not per value: 1/2 and 2/4 are drawn separately, as numerator and denominator are.
        pairs = ((n, d) for n in range(-bound, bound + 1) for d in range(1, bound + 1) if n or not nonzero)
        return _from_table([QQ(n, d) for n, d in pairs])
    return _from_function(lambda: QQ(randbelow(2 * bound + 1) - bound, 1 + randbelow(bound)), nonzero)


def _residue_source(domain: Domain, nonzero: bool) -> Callable[[int], list[Any]]:
    p = int(domain.characteristic())
    if p <= COEFFICIENT_TABLE_LIMIT:
        return _from_table([domain(c) for c in range(1 if nonzero else 0, p)])
    return _from_function(lambda: domain(randbelow(p)), nonzero)


def _real_source(bound: float, nonzero: bool) -> Callable[[int], list[Any]]:
    # RR(x) makes the same number after checks that cost more than all else here.
    make_mpf = RR.one.context.make_mpf
    draw_float = random.random
    width = bound + bound

    def draw(count: int) -> list[Any]:
        coefficients = []
        while count:
            value = width * draw_float() - bound
            if value or not nonzero:
                coefficients.append(make_mpf(_raw_mpf(value)))
                count -= 1
        return coefficients

    return draw


def _raw_mpf(value: float) -> tuple[int, Any, int, int]:
    """Return mpmath's form of a finite float: sign, odd mantissa, binary exponent, bits of the mantissa."""
    mantissa, denominator = value.as_integer_ratio()
    if denominator == 1:  # an integer: the mantissa may be even
        return from_man_exp(mantissa, 0)
    # Else it is odd already; mpmath, where it is without gmpy2, takes much longer to find that out.
    return int(mantissa < 0), MPZ(abs(mantissa)), 1 - denominator.bit_length(), mantissa.bit_length()


def _require_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} = {value!r}: allowed are {', '.join(map(repr, allowed))}")


def _require_integer(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < minimum:
        raise ValueError(f"{name} = {value!r}: an integer of at least {minimum} is needed")


def compute_max_coefficient(poly: PolyElement) -> int | float:
    """Return the largest absolute value of a coefficient of `poly`; 0 for the zero polynomial.

    Over QQ it is the largest absolute numerator or denominator, over GF(p) the largest residue in [0, p).
    Exact domains give an int of any size, RR gives a float.
    """
    domain = poly.ring.domain
    if domain.is_QQ:
        return max((max(abs(int(c.numerator)), int(c.denominator)) for c in poly.values()), default=0)
    if domain.is_FiniteField:
        p = int(domain.characteristic())
        return max((int(c) % p for c in poly.values()), default=0)
    convert = int if domain.is_ZZ else float
    return max(map(abs, map(convert, poly.values())), default=0)


def compute_matrix_max_coefficient(matrix: np.ndarray) -> int | float:
    """Return the largest `compute_max_coefficient` of the entries of a matrix; 0 where there are none."""
    return max((compute_max_coefficient(poly) for row in matrix for poly in row), default=0)
