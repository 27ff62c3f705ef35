"""Ready generators, each with its statistics and an independent check of the answers."""
