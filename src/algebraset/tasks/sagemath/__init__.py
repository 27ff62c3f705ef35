"""Ready generators on SageMath: polynomial addition, factorization and greatest common divisor."""
