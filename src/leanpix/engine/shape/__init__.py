"""Sizes and cut-outs: what dimensions a result has, and how its pixels get there."""
