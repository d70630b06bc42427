/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Four threads: a mutex, atomic additions, messages through pipes, a barrier. What they count has
 * to come out exactly (system/ARCH/work).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 100000, MESSAGES = 3000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static atomic_long added;
static long counted;
static int pipes[THREADS][2];

static void *work(void *arg)
{
    long me = (long)arg, sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&added, me + 1);
        if (i % 8 == 0) {
            pthread_mutex_lock(&mutex);
            counted++;
            pthread_mutex_unlock(&mutex);
        }
    }
    pthread_barrier_wait(&barrier);
    /* A ring: each message goes to the next thread. */
    for (long i = 0; i < MESSAGES; i++) {
        long got;
        if (write(pipes[(me + 1) % THREADS][1], &i, sizeof(i)) != sizeof(i) ||
            read(pipes[me][0], &got, sizeof(got)) != sizeof(got))
            return (void *)-1;
        sum += got;
    }
    return (void *)sum;
}

int main(void)
{
    pthread_t t[THREADS];
    long wrong = 0;
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        wrong += pipe(pipes[i]) != 0;
    for (long i = 0; i < THREADS; i++)
        wrong += pthread_create(&t[i], NULL, work, (void *)i) != 0;
    for (int i = 0; i < THREADS; i++) {
        void *sum;
        pthread_join(t[i], &sum);
        wrong += (long)sum != (long)MESSAGES * (MESSAGES - 1) / 2;
    }
    wrong += added != (long)ROUNDS * THREADS * (THREADS + 1) / 2 ||
             counted != (long)ROUNDS / 8 * THREADS;
    printf(wrong ? "parallel: wrong\n" : "parallel: %d threads agree\n", THREADS);
    return wrong != 0;
}
