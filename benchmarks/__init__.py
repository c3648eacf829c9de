"""`make bench`: this provider beside its peers, in one run. No tests: nothing here fails for being slow."""
