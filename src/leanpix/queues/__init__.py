"""Delivery of task ids."""
