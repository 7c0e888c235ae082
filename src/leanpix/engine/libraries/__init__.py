"""Libraries in C as the engine opens and tries them: our own kernels, libvips, libjxl, the allocator."""
