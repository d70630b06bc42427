/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The program: replaced step by step by the command line of softmmu/vl.c. */
int main(void)
{
    return 0;
}
