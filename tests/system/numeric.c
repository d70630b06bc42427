/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Ten small numeric programs in one: `numeric NAME` runs one, without NAME all. What they print,
 * hexadecimal floating-point numbers mostly, depends on the compiler, the C library and the
 * machine's arithmetic only, so that two emulators that run the same Debian have to print the same
 * bits (system/ARCH/work, *.expected).
 */
#include <complex.h>
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t rng;

static uint64_t random_word(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static double random_unit(void)
{
    return (double)(random_word() >> 11) * 0x1p-53;
}

/* Five bodies under gravity, leapfrog steps. */
static void nbody(void)
{
    static double p[5][3], v[5][3], m[5];
    for (int i = 0; i < 5; i++) {
        m[i] = i ? 0.01 * i : 4 * M_PI * M_PI;
        for (int k = 0; k < 3; k++) {
            p[i][k] = i * cos(i + 2.0 * k) * 3;
            v[i][k] = i ? sin(3.0 * i + k) : 0;
        }
    }
    for (int step = 0; step < 20000; step++) {
        for (int i = 0; i < 5; i++) {
            for (int j = i + 1; j < 5; j++) {
                double d[3], r2 = 1e-4;
                for (int k = 0; k < 3; k++) {
                    d[k] = p[i][k] - p[j][k];
                    r2 += d[k] * d[k];
                }
                double mag = 1e-3 / (r2 * sqrt(r2));
                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * m[j] * mag;
                    v[j][k] += d[k] * m[i] * mag;
                }
            }
        }
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < 3; k++)
                p[i][k] += 1e-3 * v[i][k];
    }
    for (int i = 0; i < 5; i++)
        printf("%a %a %a\n", p[i][0], p[i][1], p[i][2]);
}

/* The largest singular value of 1 / ((i + j)(i + j + 1) / 2 + i + 1). */
static void spectral(void)
{
    static double u[120], v[120], t[120];
    for (unsigned i = 0; i < N(u); i++)
        u[i] = 1;
    for (int round = 0; round < 10; round++) {
        for (int half = 0; half < 2; half++) {
            double *from = half ? v : u, *to = half ? u : v;
            for (int turn = 0; turn < 2; turn++) {
                const double *in = turn ? t : from;
                double *out = turn ? to : t;
                for (unsigned i = 0; i < N(u); i++) {
                    double s = 0;
                    for (unsigned j = 0; j < N(u); j++) {
                        unsigned a = turn ? j : i, b = turn ? i : j;
                        s += in[j] / ((a + b) * (a + b + 1) / 2 + a + 1);
                    }
                    out[i] = s;
                }
            }
        }
    }
    double uv = 0, vv = 0;
    for (unsigned i = 0; i < N(u); i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    printf("%a %.15f\n", sqrt(uv / vv), sqrt(uv / vv));
}

static void mandelbrot(void)
{
    uint64_t sum = 0;
    double last = 0;
    for (int y = 0; y < 80; y++) {
        for (int x = 0; x < 80; x++) {
            double complex c = (x - 60) / 40.0 + I * ((y - 40) / 40.0), z = 0;
            int n = 0;
            while (n < 200 && creal(z) * creal(z) + cimag(z) * cimag(z) <= 4) {
                z = z * z + c;
                n++;
            }
            sum = sum * 31 + n;
            last += cabs(z) + carg(z + 1e-3);
        }
    }
    printf("%016llx %a\n", (unsigned long long)sum, last);
}

/* A fast Fourier transform and back, and what it loses. */
static void fourier(void)
{
    static double complex a[4096], b[4096];
    rng = 88172645463325252u;
    for (unsigned i = 0; i < N(a); i++)
        a[i] = b[i] = random_unit() - 0.5 + I * (random_unit() - 0.5);
    for (int sign = -1; sign <= 1; sign += 2) {
        for (unsigned i = 1, j = 0; i < N(a); i++) {
            unsigned bit = N(a) / 2;
            for (; j & bit; bit >>= 1)
                j ^= bit;
            j ^= bit;
            if (i < j) {
                double complex t = a[i];
                a[i] = a[j];
                a[j] = t;
            }
        }
        for (unsigned len = 2; len <= N(a); len *= 2) {
            for (unsigned i = 0; i < N(a); i += len) {
                for (unsigned k = 0; k < len / 2; k++) {
                    double complex w = cexp(sign * 2 * M_PI * I * k / len),
                                   t = w * a[i + k + len / 2];
                    a[i + k + len / 2] = a[i + k] - t;
                    a[i + k] += t;
                }
            }
        }
        printf("%a %a %a\n", creal(a[1]), cimag(a[777]), cabs(a[4095]));
    }
    double worst = 0;
    for (unsigned i = 0; i < N(a); i++)
        worst = fmax(worst, cabs(a[i] / N(a) - b[i]));
    printf("%a\n", worst);
}

/* Gauss elimination with pivots: a determinant, the solution of a system. */
static void gauss(void)
{
    enum { SIZE = 90 };
    static double a[SIZE][SIZE + 1];
    rng = 123456789;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j <= SIZE; j++)
            a[i][j] = random_unit() * 2 - 1;
    double log_det = 0, x[SIZE], norm = 0;
    for (int k = 0; k < SIZE; k++) {
        int best = k;
        for (int i = k + 1; i < SIZE; i++)
            if (fabs(a[i][k]) > fabs(a[best][k]))
                best = i;
        for (int j = k; j <= SIZE; j++) {
            double t = a[k][j];
            a[k][j] = a[best][j];
            a[best][j] = t;
        }
        log_det += log(fabs(a[k][k]));
        for (int i = k + 1; i < SIZE; i++) {
            double f = a[i][k] / a[k][k];
            for (int j = k; j <= SIZE; j++)
                a[i][j] -= f * a[k][j];
        }
    }
    for (int i = SIZE - 1; i >= 0; i--) {
        x[i] = a[i][SIZE];
        for (int j = i + 1; j < SIZE; j++)
            x[i] -= a[i][j] * x[j];
        x[i] /= a[i][i];
        norm = hypot(norm, x[i]);
    }
    printf("%a %a %a\n", log_det, norm, x[0]);
}

/* Heat in a plate, in single precision. */
static void heat(void)
{
    static float a[64][64], b[64][64];
    memset(a, 0, sizeof(a));
    for (int i = 0; i < 64; i++)
        a[0][i] = sinf((float)i * 0.1f), a[63][i] = expf((float)-i * 0.05f);
    memcpy(b, a, sizeof(a));
    for (int step = 0; step < 300; step++) {
        for (int i = 1; i < 63; i++)
            for (int j = 1; j < 63; j++)
                b[i][j] = 0.25f * (a[i - 1][j] + a[i + 1][j] + a[i][j - 1] + a[i][j + 1]);
        memcpy(a, b, sizeof(a));
    }
    float sum = 0, least = 1;
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            sum += a[i][j], least = a[i][j] != 0 ? fminf(least, fabsf(a[i][j])) : least;
    printf("%a %a %a %a\n", sum, least, a[31][17], a[1][62]);
}

/* Lorenz's equations by Runge and Kutta, in each rounding mode: the chaos shows every bit. */
static void lorenz(void)
{
    static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
    for (unsigned mode = 0; mode < N(modes); mode++) {
        volatile double start = 1;
        fesetround(modes[mode]);
        double s[3] = {start, start, start};
        for (int step = 0; step < 8000; step++) {
            double k[5][3] = {{0}}, t[3];
            for (int n = 1; n <= 4; n++) {
                double h = n == 1 ? 0 : n == 4 ? 0.01 : 0.005;
                for (int i = 0; i < 3; i++)
                    t[i] = s[i] + h * k[n - 1][i];
                k[n][0] = 10 * (t[1] - t[0]);
                k[n][1] = t[0] * (28 - t[2]) - t[1];
                k[n][2] = t[0] * t[1] - 8.0 / 3 * t[2];
            }
            for (int i = 0; i < 3; i++)
                s[i] += 0.01 / 6 * (k[1][i] + 2 * k[2][i] + 2 * k[3][i] + k[4][i]);
        }
        fesetround(FE_TONEAREST);
        printf("%a %a %a\n", s[0], s[1], s[2]);
    }
}

/* Functions of the mathematical library over many arguments. */
static void functions(void)
{
    static double (*const list[])(double) = {sin,  cos, tan,    asin,   atan,  sinh,
                                             tanh, exp, expm1,  log,    log1p, log10,
                                             cbrt, erf, tgamma, lgamma, j0,    rint};
    static float (*const list_f[])(float) = {sinf, cosf, tanf, expf, logf, cbrtf, erff, tgammaf};
    rng = 4101842887655102017u;
    for (unsigned f = 0; f < N(list); f++) {
        double sum = 0;
        for (int i = 0; i < 3000; i++) {
            double y = list[f](random_unit());
            sum += isfinite(y) ? y : 0;
        }
        printf("%a ", sum);
    }
    printf("\n");
    for (unsigned f = 0; f < N(list_f); f++) {
        float sum = 0;
        for (int i = 0; i < 3000; i++)
            sum += list_f[f]((float)random_unit() * 4 + 0.01f);
        printf("%a ", sum);
    }
    double sum = 0;
    for (int i = 0; i < 3000; i++)
        sum += pow(random_unit() + 0.5, 20 * random_unit()) + fmod(1000 * random_unit(), 0.7) +
               fma(random_unit(), random_unit(), -0.25);
    printf("%a\n", sum);
}

/* Pi by the arithmetic-geometric mean, e by its series, in the long double of the architecture. */
static void quadruple(void)
{
    long double a = 1, b = 1 / sqrtl(2), t = 0.25L, p = 1, e = 1, f = 1, z = 0;
    for (int i = 0; i < 6; i++) {
        long double n = (a + b) / 2;
        b = sqrtl(a * b);
        t -= p * (a - n) * (a - n);
        a = n;
        p *= 2;
    }
    for (int i = 1; i < 40; i++)
        e += f /= i;
    for (int i = 1; i < 20000; i++)
        z += 1 / ((long double)i * i * i);
    printf("%.36Lg %.36Lg %La\n", (a + b) * (a + b) / (4 * t), e, z);
}

static uint64_t power_mod(uint64_t a, uint64_t e, uint64_t m)
{
    uint64_t r = 1;
    for (; e; e >>= 1) {
        if (e & 1)
            r = (uint64_t)((unsigned __int128)r * a % m);
        a = (uint64_t)((unsigned __int128)a * a % m);
    }
    return r;
}

/* Digits of pi by a spigot; pseudo-primes by Fermat's test with 128-bit products. */
static void integers(void)
{
    enum { DIGITS = 400, LEN = DIGITS * 10 / 3 + 2 };
    static int a[LEN];
    for (int i = 0; i < LEN; i++)
        a[i] = 2;
    for (int n = 0; n < DIGITS; n += 4) {
        /* Four digits a step: what is carried out of them is added to those before, which is not
         * needed here. */
        int64_t carry = 0;
        for (int i = LEN - 1; i > 0; i--) {
            int64_t v = a[i] * INT64_C(10000) + carry * (i + 1);
            a[i] = (int)(v % (2 * i + 1));
            carry = v / (2 * i + 1);
        }
        int64_t v = a[0] * INT64_C(10000) + carry;
        a[0] = (int)(v % 10000);
        printf("%lld%c", (long long)v / 10000, n + 4 < DIGITS ? ' ' : '\n');
    }
    rng = 42;
    int primes = 0;
    uint64_t sum = 0;
    for (int i = 0; i < 1500; i++) {
        uint64_t m = random_word() | 1u | UINT64_C(1) << 63;
        uint64_t r = power_mod(3, m - 1, m);
        primes += r == 1;
        sum = sum * 0x9e3779b97f4a7c15u + r;
    }
    printf("%d %016llx\n", primes, (unsigned long long)sum);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } programs[] = {
        {"nbody", nbody},       {"spectral", spectral},   {"mandelbrot", mandelbrot},
        {"fourier", fourier},   {"gauss", gauss},         {"heat", heat},
        {"lorenz", lorenz},     {"functions", functions}, {"quadruple", quadruple},
        {"integers", integers},
    };
    int ran = 0;
    for (unsigned i = 0; i < N(programs); i++) {
        if (argc > 1 && strcmp(argv[1], programs[i].name) != 0)
            continue;
        printf("%s\n", programs[i].name);
        programs[i].run();
        ran++;
    }
    return ran == 0;
}
