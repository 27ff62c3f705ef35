"""Text: a `PolyElement` as text against `str()` and the replacements that make it calt-x's text."""

from __future__ import annotations

import random
import re

from benchmarks.harness import Options, Result, alternate, compare, run, seconds

FIELDS = ("ZZ", "QQ", "RR", "GF(7)")
ORDERS = ("lex", "grlex", "grevlex")


def measure(options: Options) -> list[Result]:
    """Compare the time per polynomial; texts that differ are an error."""
    times = run("text", "both", count=options.size(2000, 50), repeats=options.repeats).value
    return [compare(f"{what}: str()'s time over ours", "us", sides, at_least=3.0) for what, sides in times.items()]


def both(count: int, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Return the microseconds per polynomial, for each field and order.

    Raises:
        ValueError: a text differs.
    """
    from algebraset.backends.sympy import leaf_to_text
    from algebraset.sympy import PolynomialSampler

    modulus = re.compile(r" mod \d+")

    def plain(polynomial: object) -> str:
        return modulus.sub("", str(polynomial).replace("**", "^"))

    times = {}
    for field in FIELDS:
        for order in ORDERS:
            random.seed(3)
            sampler = PolynomialSampler("x,y,z", field, order, max_degree=4, max_num_terms=5, term_sampling="fixed")
            polynomials = sampler.sample(count)
            for polynomial in polynomials:
                if leaf_to_text(polynomial) != plain(polynomial):
                    raise ValueError(f"{field}, {order}: {leaf_to_text(polynomial)!r} is not {plain(polynomial)!r}")
            sides = {
                name: lambda function=function, values=polynomials: (
                    1e6 * seconds(lambda: [function(value) for value in values]) / count
                )
                for name, function in (("algebraset", leaf_to_text), ("str()", plain))
            }
            times[f"{field}, {order}"] = alternate(sides, repeats)
    return times
