"""Random polynomials and matrices of polynomials, for SymPy and for SageMath."""
