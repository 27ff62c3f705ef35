"""Text: a `PolyElement` as text against `str()` and the replacements that make it calt-x's text."""

from __future__ import annotations

import random
import re

from benchmarks.harness import Options, Result, alternate, best_of, run

FIELDS = ("ZZ", "QQ", "RR", "GF(7)")
ORDERS = ("grevlex", "lex")


def measure(options: Options) -> list[Result]:
    """Return goal 4 of the throughput; that both texts are the same is a test, and checked here too."""
    results = []
    for field in FIELDS:
        for order in ORDERS:
            arguments = {"field": field, "order": order, "count": options.size(1000, 50)}
            pairs = alternate(
                lambda a=arguments: run("text", "ours", **a).value,
                lambda a=arguments: run("text", "plain", **a).value,
                options.repeats,
            )
            for (_, first), (_, second) in pairs:
                if first != second:
                    raise RuntimeError(f"text of {field}, {order}: {first!r} is not {second!r}")
            results.append(
                Result(
                    topic="text",
                    what=f"{field}, {order}: time per polynomial, str()'s over ours",
                    judged=[theirs[0] / ours[0] for ours, theirs in pairs],
                    at_least=3.0,
                    sides={"algebraset": [a[0] for a, _ in pairs], "str()": [b[0] for _, b in pairs]},
                    sides_unit="us",
                )
            )
    return results


def ours(field: str, order: str, count: int) -> tuple[float, str]:
    """Return the microseconds per polynomial and the text of the last one."""
    from algebraset.backends.sympy import leaf_to_text

    polynomials = _polynomials(field, order, count)
    return best_of(lambda: [leaf_to_text(p) for p in polynomials], 1) / count * 1e6, leaf_to_text(polynomials[-1])


def plain(field: str, order: str, count: int) -> tuple[float, str]:
    """Return the same for SymPy's printer with `**` replaced and ` mod p` removed."""
    modulus = re.compile(r" mod \d+")

    def text(polynomial: object) -> str:
        return modulus.sub("", str(polynomial).replace("**", "^"))

    polynomials = _polynomials(field, order, count)
    return best_of(lambda: [text(p) for p in polynomials], 1) / count * 1e6, text(polynomials[-1])


def _polynomials(field: str, order: str, count: int) -> list[object]:
    from algebraset.sympy import PolynomialSampler

    random.seed(3)
    return PolynomialSampler("x,y,z", field, order, max_degree=4, max_num_terms=5, term_sampling="fixed").sample(count)
