"""A seeded simulation of the whole service over model stores: see docs/simulation.md."""
