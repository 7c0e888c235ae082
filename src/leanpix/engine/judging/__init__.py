"""How much a result looks like its source: SSIMULACRA2, on the whole picture or on samples of it."""
