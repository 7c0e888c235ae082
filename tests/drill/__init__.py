"""`make drill`: what an operator meets with a cluster, done to a real one under load."""
