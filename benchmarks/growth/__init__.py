"""`make bench ARGS=growth`: how costs grow with the number of waits, entities, dataflows and runs."""
