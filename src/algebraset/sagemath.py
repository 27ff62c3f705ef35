"""What generators with SageMath use: `DatasetGenerator`, `PolynomialSampler`, and the writer and statistics classes."""

from algebraset import dataset_generator
from algebraset.formats import DatasetWriter
from algebraset.samplers.sagemath_polynomials import PolynomialSampler
from algebraset.statistics import BaseStatisticsCalculator

__all__ = ["BaseStatisticsCalculator", "DatasetGenerator", "DatasetWriter", "PolynomialSampler"]


class DatasetGenerator(dataset_generator.DatasetGenerator):
    """Generates splits with SageMath; see `algebraset.dataset_generator.DatasetGenerator`."""

    system = "sagemath"
