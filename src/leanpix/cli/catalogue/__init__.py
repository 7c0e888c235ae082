"""A catalogue kept in step: every file of one place in another, its pictures smaller."""
