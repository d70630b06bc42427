#include "io/chardev.h"
__attribute__((weak)) Chardev *chardev_find(CharSet *s, const char *id){return NULL;}
__attribute__((weak)) const char *chardev_id(const Chardev *c){return "";}
