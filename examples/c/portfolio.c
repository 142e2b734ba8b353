// SPDX-License-Identifier: Apache-2.0
/*
 * portfolio.c -- a batch of portfolios, and how their weights depend on what is expected of the assets.
 *
 *     minimize    1/2 x'Px - r'x          x: the part of the money in each asset
 *     subject to  sum(x) = 1, x >= 0      P: risk, the same for all;  r: returns, one for each day
 *
 * Solves all days at once, then differentiates: the gradient of the money in asset 0, summed over the
 * days, with respect to the returns of each day; and checks one of its numbers by a difference.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <quadcone.h>

enum { ASSETS = 5, ROWS = 1 + ASSETS, DAYS = 100 };

/* Stops the program where a call was not legal. */
static void check(qc_error error, const qc_message *why)
{
    if (error == QC_OK)
        return;
    fprintf(stderr, "%s %s\n", qc_error_text(error), why->text);
    exit(1);
}

/* Risk: every asset varies on its own, and all together. */
static void fill_risk(double P[ASSETS][ASSETS])
{
    for (int i = 0; i < ASSETS; i++)
        for (int j = 0; j < ASSETS; j++)
            P[i][j] = 0.2 + (i == j ? 0.5 + 0.2 * i : 0.0);
}

/* sum(x) + 0 = 1 and -x + s = 0: the first row is in the zero cone, the others are s >= 0. */
static void fill_rows(double A[ROWS][ASSETS], double b[ROWS])
{
    for (int j = 0; j < ASSETS; j++) {
        A[0][j] = 1.0;
        A[1 + j][j] = -1.0;
    }
    b[0] = 1.0;
}

static void fill_returns(double q[DAYS][ASSETS])
{
    for (int day = 0; day < DAYS; day++)
        for (int j = 0; j < ASSETS; j++)
            q[day][j] = -0.5 * sin(0.1 * day + j); /* q = -r */
}

/* Solves all days; the sum of the money in asset 0. */
static double solve(qc_solver *solver, const qc_values *values, double x[DAYS][ASSETS])
{
    int32_t status[DAYS];
    qc_message why;
    const qc_solution out = {.x = &x[0][0], .status = status};
    check(qc_solve(solver, DAYS, values, NULL, &out, &why), &why);
    double sum = 0.0;
    for (int day = 0; day < DAYS; day++) {
        if (status[day] != QC_SOLVED) {
            fprintf(stderr, "day %d: %s\n", day, qc_status_text((qc_status)status[day]));
            exit(1);
        }
        sum += x[day][0];
    }
    return sum;
}

int main(void)
{
    static double P[ASSETS][ASSETS], A[ROWS][ASSETS], b[ROWS];
    static double q[DAYS][ASSETS], x[DAYS][ASSETS], cotangent[DAYS][ASSETS], gradient[DAYS][ASSETS];
    fill_risk(P);
    fill_rows(A, b);
    fill_returns(q);

    const qc_cone cones[] = {{QC_CONE_ZERO, 1, 0.0}, {QC_CONE_NONNEGATIVE, ASSETS, 0.0}};
    const qc_family family = {
        .n = ASSETS,
        .m = ROWS,
        .cone_count = 2,
        .cones = cones,
        .shared = QC_SHARED_P | QC_SHARED_A | QC_SHARED_B,
    };
    qc_plan *plan;
    qc_solver *solver;
    qc_message why;
    check(qc_compile(&plan, &family, NULL, &why), &why);
    check(qc_solver_new(&solver, plan, DAYS, NULL, &why), &why);

    const qc_values values = {&P[0][0], &q[0][0], &A[0][0], b};
    const double sum = solve(solver, &values, x);
    for (int day = 0; day < DAYS; day++)
        cotangent[day][0] = 1.0;
    const qc_cotangent in = {.x = &cotangent[0][0]};
    const qc_gradient out = {.q = &gradient[0][0]};
    check(qc_vjp(solver, &in, &out, &why), &why);

    const double step = 1e-6;
    q[3][1] += step;
    const double difference = (solve(solver, &values, x) - sum) / step;
    printf("money in asset 0, over %d days: %.6f\n", DAYS, sum);
    printf("its derivative by q[3][1]: %.6f, by a difference %.6f\n", gradient[3][1], difference);

    qc_solver_free(solver);
    qc_plan_free(plan);
    return fabs(gradient[3][1] - difference) < 1e-4 ? 0 : 1;
}
