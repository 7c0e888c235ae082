"""What a process that reads strangers' bytes may still do: next to nothing."""
