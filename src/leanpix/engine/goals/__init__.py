"""From a goal (a quality, a size, a score) to one encode: which are tried, in which order, and when to stop."""
