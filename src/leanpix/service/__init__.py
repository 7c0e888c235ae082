"""Use cases, one a file, over the ports that adapters implement."""
