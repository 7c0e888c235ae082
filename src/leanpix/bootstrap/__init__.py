"""The only package that names concrete adapters: one machine or many, by configuration alone.

stores: what every command shares; pools: locked processes; processes: the API, workers, housekeeping; installation:
what `doctor` says. Each is imported by itself, so that a command does not wait for what it does not use.
"""
