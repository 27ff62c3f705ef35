"""What generators with SymPy use: `DatasetGenerator`, `PolynomialSampler`, and the writer and statistics classes."""

from algebraset import dataset_generator
from algebraset.formats import DatasetWriter
from algebraset.samplers.sympy_polynomials import PolynomialSampler
from algebraset.statistics import BaseStatisticsCalculator

__all__ = ["BaseStatisticsCalculator", "DatasetGenerator", "DatasetWriter", "PolynomialSampler"]


class DatasetGenerator(dataset_generator.DatasetGenerator):
    """Generates splits with SymPy; see `algebraset.dataset_generator.DatasetGenerator`."""

    system = "sympy"
