"""Every setting, composed of each package's own, read once from the environment and passed down."""
