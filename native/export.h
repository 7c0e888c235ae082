/* Only what Python calls is visible outside the shared object. */
#ifndef LEANPIX_EXPORT_H
#define LEANPIX_EXPORT_H

#define LEANPIX_EXPORT __attribute__((visibility("default")))

#endif
