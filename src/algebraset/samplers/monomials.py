"""Random choice of monomials, as exponent vectors; needs neither SymPy nor SageMath.

Both samplers use it, so that they follow the same law: that of SageMath's
`MPolynomialRing.random_element(degree, terms, choose_degree)`, which is also CALT's.
All draws come from Python's global generator, so `random.seed(seed)` fixes them.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache
from itertools import combinations
from random import getrandbits

Monomial = tuple[int, ...]

# Up to this many monomials are kept in a table; beyond it each one is made when it is drawn.
TABLE_LIMIT = 50_000


def randbelow(n: int) -> int:
    """Return an integer uniform in [0, n), n >= 1, without the argument checks of `random.randrange`."""
    bits = (n - 1).bit_length()
    value = getrandbits(bits)
    while value >= n:
        value = getrandbits(bits)
    return value


def count_monomials(num_variables: int, degree: int) -> int:
    """Return how many monomials in `num_variables` variables have total degree exactly `degree`."""
    return math.comb(num_variables + degree - 1, degree)


def count_monomials_up_to(num_variables: int, degree: int) -> int:
    """Return how many monomials in `num_variables` variables have total degree at most `degree`."""
    return math.comb(num_variables + degree, degree)


def monomials_of_degree(num_variables: int, degree: int) -> list[Monomial]:
    """Return all monomials of total degree `degree`, in ascending lexicographic order.

    Stars and bars: bars at positions b_1 < ... < b_{n-1} of degree + n - 1 places leave gaps that are the exponents.
    """
    last = degree + num_variables - 1
    return [_gaps(bars, last) for bars in combinations(range(last), num_variables - 1)]


def random_monomial(num_variables: int, degree: int) -> Monomial:
    """Return a monomial uniform among those of total degree `degree`, in O(num_variables) time and memory."""
    last = degree + num_variables - 1
    return _gaps(sorted(random.sample(range(last), num_variables - 1)), last)


def _gaps(bars: tuple[int, ...] | list[int], last: int) -> Monomial:
    previous = -1
    exponents = []
    for bar in bars:
        exponents.append(bar - previous - 1)
        previous = bar
    exponents.append(last - previous - 1)
    return tuple(exponents)


class MonomialChooser:
    """Chooses distinct monomials at random; get one from `monomial_chooser`, which shares the tables.

    Args:
        num_variables: at least 1.
        max_degree: largest total degree that will be asked for, at least 0.
    """

    def __init__(self, num_variables: int, max_degree: int) -> None:
        self.num_variables = num_variables
        self.max_degree = max_degree
        # All monomials by ascending degree, and per degree: where it starts, its size, bits to draw an index.
        self._table: list[Monomial] | None = None
        self._classes: list[tuple[int, int, int]] = []
        if count_monomials_up_to(num_variables, max_degree) <= TABLE_LIMIT:
            self._table = []
            for degree in range(max_degree + 1):
                start = len(self._table)
                self._table += monomials_of_degree(num_variables, degree)
                size = len(self._table) - start
                self._classes.append((start, size, (size - 1).bit_length()))

    def choose_of_degree(self, degree: int) -> Monomial:
        """Return one monomial, uniform among those of total degree `degree`."""
        if self._table is None:
            return random_monomial(self.num_variables, degree)
        start, size, _ = self._classes[degree]
        return self._table[start + randbelow(size)]

    def choose(self, degree: int, num_terms: int, degree_first: bool) -> tuple[list[Monomial], int]:
        """Return `num_terms` distinct monomials of total degree at most `degree`, and the largest degree among them.

        With `degree_first`, each monomial's degree is drawn uniformly from 0..degree, then the monomial uniformly
        from its degree; a repeated monomial is drawn again. From half of all monomials on, where repetitions
        would dominate, the degree is instead drawn among those that have monomials left, as SageMath and CALT
        do. Otherwise the monomials are a uniform subset of all monomials of degree at most `degree`.

        Raises:
            ValueError: there are fewer than `num_terms` such monomials.
        """
        if self._table is None:
            total = count_monomials_up_to(self.num_variables, degree)
        else:
            start, size, _ = self._classes[degree]
            total = start + size
        if num_terms > total:
            raise ValueError(f"{num_terms} distinct monomials of degree <= {degree} asked for, but there are {total}")
        if num_terms == total and self._table is not None:
            return self._table[:total], degree
        if 2 * num_terms < total:
            if self._table is None:
                return self._choose_few_unlisted(degree, num_terms, degree_first)
            if degree_first:
                return self._choose_few_degree_first(self._table, degree, num_terms)
            return self._choose_few(self._table, degree, total, num_terms)
        if degree_first:
            return self._choose_many_degree_first(degree, num_terms)
        return self._choose_many(degree, total, num_terms)

    def _choose_few_degree_first(
        self, table: list[Monomial], degree: int, num_terms: int
    ) -> tuple[list[Monomial], int]:
        classes = self._classes
        degree_bits = degree.bit_length()
        chosen: set[int] = set()
        monomials = []
        top = 0
        while num_terms:
            drawn = getrandbits(degree_bits)
            while drawn > degree:
                drawn = getrandbits(degree_bits)
            start, size, bits = classes[drawn]
            index = getrandbits(bits)
            while index >= size:
                index = getrandbits(bits)
            index += start
            if index not in chosen:
                chosen.add(index)
                monomials.append(table[index])
                num_terms -= 1
                if drawn > top:
                    top = drawn
        return monomials, top

    def _choose_few(self, table: list[Monomial], degree: int, total: int, num_terms: int) -> tuple[list[Monomial], int]:
        bits = (total - 1).bit_length()
        chosen: set[int] = set()
        monomials = []
        while num_terms:
            index = getrandbits(bits)
            if index < total and index not in chosen:
                chosen.add(index)
                monomials.append(table[index])
                num_terms -= 1
        # Degrees ascend along the table, so the largest index has the largest degree.
        return monomials, sum(table[max(chosen)])

    def _choose_few_unlisted(self, degree: int, num_terms: int, degree_first: bool) -> tuple[list[Monomial], int]:
        n = self.num_variables
        chosen: dict[Monomial, None] = {}
        while len(chosen) < num_terms:
            if degree_first:
                chosen[random_monomial(n, randbelow(degree + 1))] = None
            else:
                # One more variable fills up the degree: monomials of degree <= d in n variables are those of
                # degree d in n + 1.
                chosen[random_monomial(n + 1, degree)[:n]] = None
        return list(chosen), max(map(sum, chosen))

    def _choose_many_degree_first(self, degree: int, num_terms: int) -> tuple[list[Monomial], int]:
        # First how many of each degree, then which: the same law as drawing one by one, without popping from lists.
        left = [count_monomials(self.num_variables, d) for d in range(degree + 1)]
        available = list(range(degree + 1))
        for _ in range(num_terms):
            position = randbelow(len(available))
            drawn = available[position]
            left[drawn] -= 1
            if not left[drawn]:
                del available[position]
        monomials: list[Monomial] = []
        top = 0
        for drawn, remaining in enumerate(left):
            listed = self._listed(drawn)
            if remaining == len(listed):
                continue
            top = drawn
            if remaining:
                monomials.extend(listed[i] for i in _sample_indices(len(listed), len(listed) - remaining))
            else:
                monomials.extend(listed)
        return monomials, top

    def _choose_many(self, degree: int, total: int, num_terms: int) -> tuple[list[Monomial], int]:
        # At least half of the monomials are returned, so listing all of them at most doubles the memory.
        table = self._table
        if table is None:
            table = [m for d in range(degree + 1) for m in monomials_of_degree(self.num_variables, d)]
        indices = _sample_indices(total, num_terms)
        return [table[i] for i in indices], sum(table[max(indices)])

    def _listed(self, degree: int) -> list[Monomial]:
        if self._table is None:
            return monomials_of_degree(self.num_variables, degree)
        start, size, _ = self._classes[degree]
        return self._table[start : start + size]


def _sample_indices(n: int, k: int) -> list[int]:
    """Return k distinct integers uniform in [0, n), by a partial Fisher-Yates shuffle."""
    pool = list(range(n))
    for i in range(k):
        j = i + randbelow(n - i)
        pool[i], pool[j] = pool[j], pool[i]
    return pool[:k]


@lru_cache(maxsize=16)
def monomial_chooser(num_variables: int, max_degree: int) -> MonomialChooser:
    """Return the `MonomialChooser` for these sizes, made once (16 are kept, each of at most `TABLE_LIMIT` monomials).

    Raises:
        ValueError: `num_variables` < 1 or `max_degree` < 0.
    """
    if num_variables < 1:
        raise ValueError(f"num_variables = {num_variables}: at least 1 is needed")
    if max_degree < 0:
        raise ValueError(f"max_degree = {max_degree}: at least 0 is needed")
    return MonomialChooser(num_variables, max_degree)
