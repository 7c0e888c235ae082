"""WebP: libwebp itself for lossy pictures, an own coder for large lossless ones and large alpha."""
