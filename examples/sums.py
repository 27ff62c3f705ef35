"""Sums of random integers: the smallest useful generator, as the README shows it."""

import random


def generate(seed, max_terms=8):
    rng = random.Random(seed)  # or algebraset.seed_all(seed), which seeds random, NumPy, SymPy and SageMath
    terms = [rng.randint(1, 1000) for _ in range(rng.randint(2, max_terms))]
    return terms, sum(terms)


def statistics(problem, answer):
    return {"problem": {"num_terms": len(problem)}, "answer": {"value": answer}}


def check(problem, answer):
    # The check also gets text, when `algebraset check` reads a finished dataset.
    return sum(map(int, problem)) == int(answer)
