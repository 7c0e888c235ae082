"""A batch of pictures: which ones, where results go, what is done already, and what came of it."""
