"""What an assistant can have done by the Model Context Protocol."""
