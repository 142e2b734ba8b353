// SPDX-License-Identifier: Apache-2.0
#include "plan/order.h"

#include <math.h>
#include <stdlib.h>

#include "plan/matrix.h"
#include "support/check.h"
#include "support/families.h"

typedef struct fixture {
    family fam;
    qc__matrix P, A;
    qc__graph g;
    qc__elimination e;
} fixture;

static int fixture_make(fixture *x, int k)
{
    if (!family_make(&x->fam, k))
        return 0;
    assert_int_equal(qc__matrix_P(&x->P, &x->fam.f, NULL), QC_OK);
    assert_int_equal(qc__matrix_A(&x->A, &x->fam.f, NULL), QC_OK);
    assert_int_equal(qc__graph_new(&x->g, &(qc__kkt){.P = &x->P, .A = &x->A}), QC_OK);
    assert_int_equal(qc__elimination_new(&x->e, x->g.size), QC_OK);
    return 1;
}

static void fixture_free(fixture *x)
{
    qc__elimination_free(&x->e);
    qc__graph_free(&x->g);
    qc__matrix_free(&x->P);
    qc__matrix_free(&x->A);
    family_free(&x->fam);
}

static int has_edge(const qc__graph *g, int u, int v)
{
    for (int t = g->ptr[u]; t < g->ptr[u + 1]; t++)
        if (g->index[t] == v)
            return 1;
    return 0;
}

static void the_graph_is_symmetric_and_sorted(void **state)
{
    (void)state;
    fixture x;
    for (int k = 0; fixture_make(&x, k); k++) {
        int64_t edges = x.A.count;
        for (int i = 0; i < x.P.rows; i++)
            for (int t = x.P.row_ptr[i]; t < x.P.row_ptr[i + 1]; t++)
                edges += x.P.col[t] != i;
        assert_int_equal(x.g.ptr[x.g.size], 2 * edges);
        for (int v = 0; v < x.g.size; v++)
            for (int t = x.g.ptr[v]; t < x.g.ptr[v + 1]; t++) {
                assert_true(t == x.g.ptr[v] || x.g.index[t - 1] < x.g.index[t]);
                assert_true(x.g.index[t] != v);
                assert_true(has_edge(&x.g, x.g.index[t], v));
            }
        fixture_free(&x);
    }
}

static void check_permutation(const qc__elimination *e)
{
    char *seen = calloc((size_t)e->size, 1);
    for (int k = 0; k < e->size; k++) {
        assert_in_range(e->order[k], 0, e->size - 1);
        assert_int_equal(e->position[e->order[k]], k);
        seen[e->order[k]]++;
    }
    for (int k = 0; k < e->size; k++)
        assert_int_equal(seen[k], 1);
    free(seen);
}

/* Eliminates on a dense matrix of booleans. */
static void check_fill(const qc__elimination *e, const qc__graph *g)
{
    const int n = e->size;
    char *full = calloc((size_t)n * (size_t)n, 1);
    for (int k = 0; k < n; k++)
        for (int t = g->ptr[e->order[k]]; t < g->ptr[e->order[k] + 1]; t++)
            full[k * n + e->position[g->index[t]]] = 1;
    for (int k = 0; k < n; k++) {
        int count = 0, parent = -1;
        for (int i = n - 1; i > k; i--)
            if (full[i * n + k]) {
                count++;
                parent = i;
                for (int j = k + 1; j < n; j++)
                    full[i * n + j] |= full[k * n + j];
            }
        assert_int_equal(e->count[k], count);
        assert_int_equal(e->parent[k], parent);
    }
    free(full);
}

static void counts_are_those_of_elimination(void **state)
{
    (void)state;
    fixture x;
    for (int k = 0; fixture_make(&x, k); k++) {
        assert_int_equal(qc__order_by_set(&x.e, &x.g, NULL), QC_OK);
        const double flops = qc__elimination_count(&x.e, &x.g, INFINITY);
        check_permutation(&x.e);
        check_fill(&x.e, &x.g);
        double sum = 0.0;
        for (int j = 0; j < x.e.size; j++)
            sum += x.e.count[j] + x.e.count[j] * (x.e.count[j] + 1.0);
        assert_true(flops == sum);
        if (flops > 0.0)
            assert_true(isinf(qc__elimination_count(&x.e, &x.g, 0.5 * flops)));
        fixture_free(&x);
    }
}

static void a_postorder_changes_no_count(void **state)
{
    (void)state;
    fixture x;
    for (int k = 0; fixture_make(&x, k); k++) {
        assert_int_equal(qc__order_by_set(&x.e, &x.g, NULL), QC_OK);
        const double flops = qc__elimination_count(&x.e, &x.g, INFINITY);
        assert_int_equal(qc__elimination_postorder(&x.e, &x.g, NULL), QC_OK);
        check_permutation(&x.e);
        check_fill(&x.e, &x.g);
        assert_true(qc__elimination_count(&x.e, &x.g, INFINITY) == flops);
        fixture_free(&x);
    }
}

/* In a postorder the columns of a subtree are neighbours: those just before its root. */
static void subtrees_are_contiguous(void **state)
{
    (void)state;
    fixture x;
    for (int k = 0; fixture_make(&x, k); k++) {
        assert_int_equal(qc__order_by_set(&x.e, &x.g, NULL), QC_OK);
        qc__elimination_count(&x.e, &x.g, INFINITY);
        assert_int_equal(qc__elimination_postorder(&x.e, &x.g, NULL), QC_OK);
        int *first = malloc((size_t)x.e.size * sizeof *first),
            *size = calloc((size_t)x.e.size, sizeof *size);
        for (int j = 0; j < x.e.size; j++)
            first[j] = j;
        for (int j = 0; j < x.e.size; j++) {
            assert_int_equal(j - first[j], size[j]);
            const int parent = x.e.parent[j];
            if (parent >= 0) {
                first[parent] = first[j] < first[parent] ? first[j] : first[parent];
                size[parent] += size[j] + 1;
            }
        }
        free(first);
        free(size);
        fixture_free(&x);
    }
}

static void sets_come_in_order(void **state)
{
    (void)state;
    fixture x;
    for (int k = 0; fixture_make(&x, k); k++) {
        int8_t *set = malloc((size_t)x.e.size);
        int8_t *late = malloc((size_t)x.e.size);
        for (int v = 0; v < x.e.size; v++) {
            set[v] = (int8_t)(v % 3);
            late[v] = set[v] == 2;
        }
        assert_int_equal(qc__order_by_set(&x.e, &x.g, set), QC_OK);
        for (int j = 1; j < x.e.size; j++)
            assert_true(set[x.e.order[j - 1]] <= set[x.e.order[j]]);
        const double flops = qc__elimination_count(&x.e, &x.g, INFINITY);
        assert_int_equal(qc__elimination_postorder(&x.e, &x.g, late), QC_OK);
        for (int j = 1; j < x.e.size; j++)
            assert_true(late[x.e.order[j - 1]] <= late[x.e.order[j]]);
        assert_true(qc__elimination_count(&x.e, &x.g, INFINITY) == flops);
        free(set);
        free(late);
        fixture_free(&x);
    }
}

/* The chosen order costs no more, by weighted flops, than the safest: cone rows, x, equalities. */
static void the_choice_is_no_worse_than_the_safest(void **state)
{
    (void)state;
    fixture x;
    for (int k = 0; fixture_make(&x, k); k++) {
        const int n = x.P.rows;
        int8_t *set = malloc((size_t)x.e.size);
        int8_t *is_zero = malloc((size_t)x.e.size + 1);
        for (int v = 0; v < x.e.size; v++) {
            if (v >= n)
                is_zero[v - n] = (int8_t)(v % 2);
            set[v] = (int8_t)(v < n ? 1 : 2 * (v % 2));
        }
        assert_int_equal(qc__order_by_set(&x.e, &x.g, set), QC_OK);
        const double safest = qc__elimination_count(&x.e, &x.g, INFINITY);
        const qc__kkt_rows rows = {.P = &x.P, .m = x.g.size - n, .row_is_zero = is_zero};
        assert_int_equal(qc__order_kkt(&x.e, &x.g, &rows), QC_OK);
        check_permutation(&x.e);
        assert_true(qc__elimination_count(&x.e, &x.g, INFINITY) <= safest);
        free(set);
        free(is_zero);
        fixture_free(&x);
    }
}

/* min 1/2 sum p_i t_i^2, A x - t = b with more rows than x's, x >= 0: t and its equality come first, as
 * that leaves a matrix of the size of x, and where t has no curvature they may not. */
static void equalities_of_residuals_come_early(void **state)
{
    (void)state;
    enum { X = 4, T = 12, N = X + T, M = T + X, ENTRIES = T * X + T + X };
    int64_t P_colptr[N + 1] = {0}, P_rowidx[T], colptr[N + 1] = {0}, rowidx[ENTRIES], next = 0;
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < T; i++)
            if (j < X || j - X == i)
                rowidx[next++] = i;
        if (j < X)
            rowidx[next++] = T + j;
        colptr[j + 1] = next;
    }
    int8_t is_zero[M];
    for (int i = 0; i < M; i++)
        is_zero[i] = i < T;
    for (int curved = 0; curved < 2; curved++) {
        for (int j = 0; j < N; j++) {
            P_colptr[j + 1] = P_colptr[j] + (curved && j >= X);
            if (curved && j >= X)
                P_rowidx[j - X] = j;
        }
        const qc_family f = {.n = N,
                             .m = M,
                             .P_colptr = P_colptr,
                             .P_rowidx = P_rowidx,
                             .A_colptr = colptr,
                             .A_rowidx = rowidx};
        fixture x = {0};
        assert_int_equal(qc__matrix_P(&x.P, &f, NULL), QC_OK);
        assert_int_equal(qc__matrix_A(&x.A, &f, NULL), QC_OK);
        assert_int_equal(qc__graph_new(&x.g, &(qc__kkt){.P = &x.P, .A = &x.A}), QC_OK);
        assert_int_equal(qc__elimination_new(&x.e, x.g.size), QC_OK);
        const qc__kkt_rows rows = {.P = &x.P, .m = M, .row_is_zero = is_zero};
        assert_int_equal(qc__order_kkt(&x.e, &x.g, &rows), QC_OK);
        int early = 0;
        for (int i = 0; i < T; i++) {
            assert_true(x.e.position[X + i] < x.e.position[N + i]);
            early += x.e.position[N + i] < x.e.position[0];
        }
        assert_int_equal(early, curved ? T : 0);
        qc__elimination_free(&x.e);
        qc__graph_free(&x.g);
        qc__matrix_free(&x.P);
        qc__matrix_free(&x.A);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_graph_is_symmetric_and_sorted),
        cmocka_unit_test(counts_are_those_of_elimination),
        cmocka_unit_test(a_postorder_changes_no_count),
        cmocka_unit_test(subtrees_are_contiguous),
        cmocka_unit_test(sets_come_in_order),
        cmocka_unit_test(the_choice_is_no_worse_than_the_safest),
        cmocka_unit_test(equalities_of_residuals_come_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
