/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The program. Everything is in softmmu/vl.c, so that tests can link without a main of its own. */
#include "vl.h"

#if defined(__SANITIZE_ADDRESS__)
/* The end of the process gives everything back, at once; leaks are what the unit tests look for. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
    return rhea_main(argc, argv);
}
