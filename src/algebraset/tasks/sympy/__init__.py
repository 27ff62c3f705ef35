"""Ready generators on SymPy: polynomial addition, factorization and greatest common divisor."""
