"""Random polynomials and matrices of polynomials over SageMath's polynomial rings.

The parameters and the distributions are those that CALT documents (calt-x 1.5.0, `PolynomialSampler` of its SageMath
backend). As there, SageMath's random state is what fixes a sample: see `PolynomialSampler.sample`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import getrandbits
from typing import Any

from algebraset.backends.sagemath import load
from algebraset.samplers.monomials import Monomial, count_monomials_up_to, monomial_chooser, randbelow

load()  # SageMath's modules import in a cycle: which one comes first decides whether it works

from sage.misc.randstate import current_randstate  # noqa: E402
from sage.rings.finite_rings.finite_field_constructor import GF  # noqa: E402
from sage.rings.integer_ring import ZZ  # noqa: E402
from sage.rings.polynomial.multi_polynomial import MPolynomial  # noqa: E402
from sage.rings.polynomial.polynomial_element import Polynomial  # noqa: E402
from sage.rings.polynomial.polynomial_ring_constructor import PolynomialRing  # noqa: E402
from sage.rings.polynomial.term_order import TermOrder  # noqa: E402
from sage.rings.rational_field import QQ  # noqa: E402
from sage.rings.real_mpfr import RR  # noqa: E402

FIELDS = ("ZZ", "QQ", "RR", "GF(p)")
MODES = ("uniform", "fixed")
MATRIX_TYPES = (None, "unimodular_upper_triangular")
DEFAULT_ORDER = "degrevlex"

# Coefficients are drawn from a table of ready ring elements when there are at most this many.
COEFFICIENT_TABLE_LIMIT = 4096
DEFAULT_COEFFICIENT_BOUND = 10


@lru_cache(maxsize=256)
def parse_field(field_str: str) -> Any:
    """Return SageMath's ring called `ZZ`, `QQ`, `RR` (53 bits), `GF(p)` or `GFp` (p a prime number).

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
    if not ZZ(digits).is_prime():
        raise ValueError(
            f"field_str = {field_str!r}: {digits} is not a prime number; for a field of p^k elements give "
            "ring = PolynomialRing(GF(p^k), ...)"
        )
    return GF(ZZ(digits))


@lru_cache(maxsize=256)
def polynomial_ring(symbols: str | tuple[str, ...], field_str: str, order: Any) -> Any:
    """Return the polynomial ring in these symbols; one symbol gives a univariate ring, where `order` plays no part.

    Args:
        symbols: names of the variables, as in `"x, y"`, or a tuple of names.
        field_str: as in `parse_field`.
        order: name of a term order, or a `TermOrder`; "grevlex" is SageMath's "degrevlex".

    Raises:
        ValueError: no, wrong or repeated symbols, an unknown field, or an unknown term order.
    """
    field = parse_field(field_str)
    names = symbols.split(",") if isinstance(symbols, str) else symbols
    names = [name.strip() for name in names]
    if len(set(names)) < len(names):
        raise ValueError(f"symbols = {symbols!r}: a variable is repeated")
    if order == "grevlex":
        order = DEFAULT_ORDER
    try:
        TermOrder(order)
        if len(names) == 1:
            return PolynomialRing(field, names[0])
        return PolynomialRing(field, names, order=order)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"no polynomial ring with symbols = {symbols!r} and order = {order!r}: {error}") from error


class PolynomialSampler:
    """Draws random polynomials that fulfil stated conditions.

    A sample's degree is drawn first (`degree_sampling`), then its number of terms (`term_sampling`), then that many
    distinct monomials of at most this degree, then their coefficients.

    Args:
        symbols: names of the variables, as in `"x, y, z"`, or a sequence of names; one name gives a univariate ring.
        field_str: `"ZZ"`, `"QQ"`, `"RR"`, or `"GF(p)"` with p prime.
        order: a term order of SageMath by name or as `TermOrder`; "grevlex" is accepted for "degrevlex".
        ring: a ready polynomial ring, univariate or multivariate, instead of symbols, field_str and order. Its base
            ring may be ZZ, QQ, a real field of any precision, any finite field (GF(p^k) too) or ring of residues.
        max_num_terms: largest number of terms; None for all monomials of the drawn degree and below.
        max_degree: largest total degree.
        min_degree: smallest total degree; the zero polynomial counts as degree 0.
        degree_sampling: `"uniform"`: the degree is uniform in [min_degree, max_degree], and each term's degree is
            uniform in [0, degree] before its monomial is uniform among those of that degree; `"fixed"`: the
            degree is max_degree, and the monomials are uniform among all of degree at most max_degree.
            A univariate ring has one monomial per degree, so there both draw a uniform subset.
        term_sampling: `"uniform"`: the number of terms is uniform in [1, m]; `"fixed"`: it is m; m is the
            smaller of max_num_terms and the number of monomials there are.
        max_coeff: for ZZ (uniform integers in [-max_coeff, max_coeff]) and real fields (uniform in the same
            interval); 10 where not given. Finite fields are uniform and ignore it.
        num_bound: for QQ: numerator uniform in [-num_bound, num_bound], denominator in [1, num_bound]; 10 where
            not given.
        strictly_conditioned: True: the total degree and the number of terms are exactly the drawn ones. False:
            only min_degree (and nonzero_instance) hold; degree and number of terms may be smaller.
        nonzero_instance: the zero polynomial is never returned.
        nonzero_coeff: no coefficient is drawn as zero. False allows zero coefficients, and with them fewer terms
            (which strictly_conditioned again excludes).
        max_attempts: trials per polynomial before giving up with an error.

    Raises:
        ValueError: a parameter is wrong, or no polynomial can fulfil all conditions together.
    """

    def __init__(
        self,
        symbols: str | Sequence[str] | None = None,
        field_str: str | None = None,
        order: Any = DEFAULT_ORDER,
        ring: Any = None,
        max_num_terms: int | None = 10,
        max_degree: int = 5,
        min_degree: int = 0,
        degree_sampling: str = "uniform",
        term_sampling: str = "uniform",
        max_coeff: int | float | None = None,
        num_bound: int | None = None,
        strictly_conditioned: bool = True,
        nonzero_instance: bool = True,
        nonzero_coeff: bool = True,
        max_attempts: int = 1000,
    ) -> None:
        self.symbols = symbols if symbols is None or isinstance(symbols, str) else tuple(str(s) for s in symbols)
        self.field_str = field_str
        self.order = order
        self.ring = ring
        self.max_num_terms = max_num_terms
        self.max_degree = max_degree
        self.min_degree = min_degree
        self.degree_sampling = degree_sampling
        self.term_sampling = term_sampling
        self.max_coeff = max_coeff
        self.num_bound = num_bound
        self.strictly_conditioned = strictly_conditioned
        self.nonzero_instance = nonzero_instance
        self.nonzero_coeff = nonzero_coeff
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

        self._ring = self._find_ring()
        # An MPolynomial takes exponent vectors, also in one variable; a Polynomial takes integers.
        self._univariate = isinstance(self._ring.gen(0), Polynomial)
        # SageMath's integers would slow down every comparison.
        self._min_degree, self._max_degree = int(min_degree), int(max_degree)
        self._num_variables = int(self._ring.ngens())
        self._chooser = monomial_chooser(self._num_variables, self._max_degree)
        # A polynomial with exactly the drawn number of terms has no zero coefficient: strictly_conditioned implies it.
        self._nonzero = bool(nonzero_coeff or strictly_conditioned)
        self._draw_coefficients = self._coefficient_source()

    def __reduce__(self) -> tuple[type[PolynomialSampler], tuple[Any, ...]]:
        return type(self), (
            self.symbols,
            self.field_str,
            self.order,
            self.ring,
            self.max_num_terms,
            self.max_degree,
            self.min_degree,
            self.degree_sampling,
            self.term_sampling,
            self.max_coeff,
            self.num_bound,
            self.strictly_conditioned,
            self.nonzero_instance,
            self.nonzero_coeff,
            self.max_attempts,
        )

    def _find_ring(self) -> Any:
        if self.ring is None:
            if self.symbols is None or self.field_str is None or self.order is None:
                raise ValueError("either ring, or symbols, field_str and order are needed")
            return polynomial_ring(self.symbols, self.field_str, self.order)
        given = [name for name in ("symbols", "field_str") if getattr(self, name) is not None]
        if self.order not in (None, DEFAULT_ORDER, "grevlex"):
            given.append("order")
        if given:
            raise ValueError(f"ring is given, and so is {', '.join(given)}, which the ring already fixes")
        generators = getattr(self.ring, "gens", tuple)()
        if not generators or not isinstance(generators[0], (Polynomial, MPolynomial)):
            raise ValueError(f"ring = {self.ring!r}: a polynomial ring in at least one variable is needed")
        return self.ring

    def get_field(self) -> Any:
        """Return the base ring of the samples."""
        return self._ring.base_ring()

    def get_ring(self) -> Any:
        """Return the polynomial ring of the samples."""
        return self._ring

    def sample(
        self,
        num_samples: int = 1,
        size: tuple[int, int] | None = None,
        density: float = 1.0,
        matrix_type: str | None = None,
    ) -> list[Any]:
        """Return `num_samples` independent polynomials, or matrices of them, as SageMath's random state fixes them.

        The call takes 128 bits from SageMath's random state, seeds Python's `random` with them, and draws from that.
        So `set_random_seed(seed)` fixes the samples (`algebraset.seed_all(seed)` does, since it calls that);
        `random.seed(seed)` alone does not: see `draw`.

        Args:
            num_samples: how many, at least 0.
            size: (rows, columns) for SageMath matrices of this shape over the ring.
            density: for matrices: the probability that an entry is drawn; otherwise it is zero.
            matrix_type: `"unimodular_upper_triangular"`: one on the diagonal and zero below it.

        Raises:
            ValueError: a wrong argument.
            RuntimeError: no polynomial fulfilled a condition, which the text names, in max_attempts trials.
        """
        random.seed(current_randstate().long_seed())
        return self.draw(num_samples, size, density, matrix_type)

    def draw(
        self,
        num_samples: int = 1,
        size: tuple[int, int] | None = None,
        density: float = 1.0,
        matrix_type: str | None = None,
    ) -> list[Any]:
        """Do what `sample` does, but draw from Python's `random` as it stands, so that `random.seed` fixes the samples.

        `random.seed` takes 5 microseconds, SageMath's `set_random_seed` half a millisecond, which is more than a
        polynomial takes. Elements of real fields other than RR and of rings of more than 4096 elements that are not
        rings of residues still come from SageMath's random state.
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

    def _sample_polynomial(self) -> Any:
        degree = self._max_degree
        if self.degree_sampling == "uniform":
            degree = self._min_degree + randbelow(degree - self._min_degree + 1)
        num_terms = count_monomials_up_to(self._num_variables, degree)
        if self.max_num_terms is not None and self.max_num_terms < num_terms:
            num_terms = int(self.max_num_terms)
        if self.term_sampling == "uniform":
            num_terms = 1 + randbelow(num_terms)

        strict = self.strictly_conditioned
        if strict and num_terms == 1:
            # Given that the only monomial has this degree it is uniform in its degree, whichever mode drew it.
            return self._polynomial([self._chooser.choose_of_degree(degree)], self._draw_coefficients(1))
        degree_first = self.degree_sampling == "uniform"
        for _ in range(self.max_attempts):
            monomials, top = self._chooser.choose(degree, num_terms, degree_first)
            if top < (degree if strict else self._min_degree):
                continue
            coefficients = self._draw_coefficients(num_terms)
            if not self._nonzero:
                kept = [(m, c) for m, c in zip(monomials, coefficients, strict=True) if c]
                if not kept and self.nonzero_instance:
                    continue
                if max((sum(m) for m, _ in kept), default=0) < self._min_degree:
                    continue
                monomials, coefficients = [m for m, _ in kept], [c for _, c in kept]
            return self._polynomial(monomials, coefficients)
        if strict:
            wanted = f"total degree {degree} with {num_terms} terms"
        else:
            wanted = f"total degree >= {self._min_degree}{', not zero' if self.nonzero_instance else ''}"
        raise RuntimeError(
            f"no polynomial of {wanted} in max_attempts = {self.max_attempts} trials "
            f"(degree_sampling = {self.degree_sampling!r}, drawn degree {degree}, drawn number of terms {num_terms})"
        )

    def _polynomial(self, monomials: list[Monomial], coefficients: list[Any]) -> Any:
        if self._univariate:
            return self._ring({m[0]: c for m, c in zip(monomials, coefficients, strict=True)})
        return self._ring(dict(zip(monomials, coefficients, strict=True)))

    def _sample_matrix(self, rows: int, columns: int, density: float, matrix_type: str | None) -> Any:
        from sage.matrix.constructor import matrix

        triangular = matrix_type == "unimodular_upper_triangular"
        one, zero = self._ring.one(), self._ring.zero()
        entries = []
        for i in range(rows):
            for j in range(columns):
                if triangular and i >= j:
                    entries.append(one if i == j else zero)
                elif random.random() < density:
                    entries.append(self._sample_polynomial())
                else:
                    entries.append(zero)
        return matrix(self._ring, rows, columns, entries)

    def _coefficient_source(self) -> Callable[[int], list[Any]]:
        """Return a function that draws the coefficients of n terms, and check the bounds on them."""
        base = self._ring.base_ring()
        if base is QQ:
            bound = DEFAULT_COEFFICIENT_BOUND if self.num_bound is None else self.num_bound
            _require_integer("num_bound", bound, 1)
            return _rational_source(int(bound), self._nonzero)
        if base.is_finite():
            return _finite_source(base, self._nonzero)
        real = hasattr(base, "precision") and hasattr(base, "random_element") and _is_real_field(base)
        if base is not ZZ and not real:
            raise ValueError(
                f"no coefficients for the base ring {base}: allowed are ZZ, QQ, real fields, finite fields and "
                "rings of residues"
            )
        bound = DEFAULT_COEFFICIENT_BOUND if self.max_coeff is None else self.max_coeff
        if base is ZZ:
            _require_integer("max_coeff", bound, 0)
        elif isinstance(bound, (bool, str)) or not 0 <= bound < float("inf"):
            raise ValueError(f"max_coeff = {bound!r}: for a real field a finite number that is not negative is needed")
        if bound == 0 and (self._nonzero or self.nonzero_instance or self._min_degree > 0):
            raise ValueError(
                "max_coeff = 0 leaves only zero coefficients, which contradicts strictly_conditioned, "
                "nonzero_instance, nonzero_coeff or min_degree > 0"
            )
        if base is ZZ:
            return _integer_source(int(bound), self._nonzero)
        return _real_source(base, float(bound), self._nonzero)


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


@lru_cache(maxsize=64)
def _integer_source(bound: int, nonzero: bool) -> Callable[[int], list[Any]]:
    if 2 * bound + 1 <= COEFFICIENT_TABLE_LIMIT:
        return _from_table([ZZ(c) for c in range(-bound, bound + 1) if c or not nonzero])
    return _from_function(lambda: ZZ(randbelow(2 * bound + 1) - bound), nonzero)


@lru_cache(maxsize=64)
def _rational_source(bound: int, nonzero: bool) -> Callable[[int], list[Any]]:
    if (2 * bound + 1) * bound <= COEFFICIENT_TABLE_LIMIT:
        # One entry per pair, not per value: 1/2 and 2/4 are drawn separately, as numerator and denominator are.
        pairs = ((n, d) for n in range(-bound, bound + 1) for d in range(1, bound + 1) if n or not nonzero)
        return _from_table([QQ((n, d)) for n, d in pairs])
    return _from_function(lambda: QQ((randbelow(2 * bound + 1) - bound, 1 + randbelow(bound))), nonzero)


def _finite_source(base: Any, nonzero: bool) -> Callable[[int], list[Any]]:
    size = int(base.cardinality())
    if size <= COEFFICIENT_TABLE_LIMIT:
        return _finite_table(base, nonzero)
    if size == base.characteristic():
        return _from_function(lambda: base(randbelow(size)), nonzero)
    return _from_function(base.random_element, nonzero)


@lru_cache(maxsize=64)
def _finite_table(base: Any, nonzero: bool) -> Callable[[int], list[Any]]:
    return _from_table([c for c in base if c or not nonzero])


def _real_source(base: Any, bound: float, nonzero: bool) -> Callable[[int], list[Any]]:
    if base is RR:
        return _from_function(lambda: RR(random.uniform(-bound, bound)), nonzero)
    # Python's floats have 53 random bits, too few for a longer mantissa.
    return _from_function(lambda: base.random_element(-bound, bound), nonzero)


def _is_real_field(base: Any) -> bool:
    from sage.rings.real_mpfr import RealField_class

    return isinstance(base, RealField_class) or base.__class__.__name__.startswith("RealDoubleField")


def _require_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} = {value!r}: allowed are {', '.join(map(repr, allowed))}")


def _require_integer(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < minimum:
        raise ValueError(f"{name} = {value!r}: an integer of at least {minimum} is needed")


def compute_max_coefficient(poly: Any) -> int | float:
    """Return the largest absolute value of a coefficient of `poly`; 0 for the zero polynomial.

    Over QQ it is the largest absolute numerator or denominator, over a ring of residues the largest residue.
    Exact rings give an int of any size, real fields a float.

    Raises:
        ValueError: the base ring is none of these, so its elements have no absolute value here.
    """
    base = poly.base_ring()
    coefficients = poly.coefficients()
    if base is QQ:
        return max((max(abs(int(c.numerator())), int(c.denominator())) for c in coefficients), default=0)
    if base is ZZ or (base.is_finite() and base.cardinality() == base.characteristic()):
        return max((abs(int(c)) for c in coefficients), default=0)
    if not _is_real_field(base):
        raise ValueError(f"coefficients in {base} have no absolute value")
    return max((abs(float(c)) for c in coefficients), default=0)


def compute_matrix_max_coefficient(matrix: Any) -> int | float:
    """Return the largest `compute_max_coefficient` of the entries of a matrix; 0 where there are none."""
    return max((compute_max_coefficient(poly) for poly in matrix.list()), default=0)
