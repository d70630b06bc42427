/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The program. Everything is in softmmu/vl.c, so that tests can link without a main of its own. */
#include "vl.h"

int main(int argc, char **argv)
{
    return rhea_main(argc, argv);
}
