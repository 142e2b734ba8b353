// SPDX-License-Identifier: Apache-2.0
#include "plan/supernode.h"

static int32_t at_most(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Whether column j + 1 continues column j: is its parent, with the same rows. */
static int continues(const qc__columns *c, int32_t j)
{
    const int64_t begin = c->ptr[j], count = c->ptr[j + 1] - begin;
    return count > 0 && c->row[begin] == j + 1 && c->ptr[j + 2] - c->ptr[j + 1] == count - 1;
}

static double entries(const qc__supernode *s)
{
    return 0.5 * s->width * (s->width + 1.0) + (double)s->width * s->below;
}

/* Even pieces, in fours because the numeric code works on tiles of up to four columns. */
static int32_t piece_width(int32_t width)
{
    const int32_t pieces = (width + QC__SUPERNODE_WIDTH - 1) / QC__SUPERNODE_WIDTH;
    const int32_t even = (width + pieces - 1) / pieces;
    return pieces == 1 ? width : (even + 3) / 4 * 4;
}

/* Runs of columns that lose nothing by sharing a panel, cut into pieces of bounded width. */
static int32_t find_fundamental(qc__supernode *out, const qc__columns *c, int32_t size,
                                int32_t split)
{
    int32_t count = 0;
    for (int32_t begin = 0, end; begin < size; begin = end) {
        end = begin + 1;
        while (end < size && end != split && continues(c, end - 1))
            end++;
        const int32_t step = piece_width(end - begin);
        for (int32_t j = begin; j < end; j += step) {
            const int32_t width = at_most(step, end - j);
            qc__supernode *s = &out[count++];
            *s =
                (qc__supernode){.first = j, .width = width, .rows = c->row + c->ptr[j + width - 1]};
            s->below = (int32_t)(c->ptr[j + width] - c->ptr[j + width - 1]);
            s->nonzeros = entries(s);
        }
    }
    return count;
}

/* Whether every row of a is one of b; both ascend. */
static int includes(const int32_t *b, int32_t b_count, const int32_t *a, int32_t a_count)
{
    int32_t k = 0;
    for (int32_t i = 0; i < a_count; i++) {
        while (k < b_count && b[k] < a[i])
            k++;
        if (k == b_count || b[k++] != a[i])
            return 0;
    }
    return 1;
}

/*
 * The time of a supernode, in multiply-adds at the speed of wide panels: what its columns cost, with a
 * pass over the part of the matrix that it updates, which is the same whatever the width, and something
 * for every supernode.  The constants were fitted to timings; the optimum is flat.
 */
static double cost(const qc__supernode *s)
{
    const double w = s->width, h = s->below, pass = 3.0, overhead = 20.0;
    const double own = w * w * w / 6.0 + 0.5 * w * (w - 1.0) * h + w * h;
    return overhead + own + 0.5 * h * (h + 1.0) * (w + pass);
}

/* a and b, its neighbour, in one panel; a width of 0 where that is wrong or does not pay. */
static qc__supernode join(const qc__supernode *a, const qc__supernode *b)
{
    const qc__supernode none = {0};
    const int32_t end = b->first + b->width;
    if (a->width + b->width > QC__SUPERNODE_WIDTH)
        return none;
    int32_t inside = 0; /* rows of a that are columns of b */
    while (inside < a->below && a->rows[inside] < end)
        inside++;
    const int32_t *rows = a->rows + inside;
    const int32_t below = a->below - inside;
    const int a_is_longer = below > b->below;
    const qc__supernode joined = {
        .first = a->first,
        .width = a->width + b->width,
        .below = a_is_longer ? below : b->below,
        .rows = a_is_longer ? rows : b->rows,
        .nonzeros = a->nonzeros + b->nonzeros,
    };
    if (joined.nonzeros < 0.75 * entries(&joined) || cost(&joined) > cost(a) + cost(b))
        return none;
    /* Siblings come in long rows, each of which would pass the test above: ask that all gain. */
    if (inside == 0 && cost(&joined) * a->width > cost(a) * joined.width)
        return none;
    const int nested = a_is_longer ? includes(rows, below, b->rows, b->below)
                                   : includes(b->rows, b->below, rows, below);
    return nested ? joined : none;
}

int32_t qc__supernodes_find(qc__supernode *out, const qc__columns *columns, int32_t size,
                            int32_t split)
{
    const int32_t fundamental = find_fundamental(out, columns, size, split);
    int32_t count = 0;
    for (int32_t k = 0; k < fundamental; k++) {
        out[count++] = out[k];
        while (count > 1 && out[count - 1].first != split) {
            const qc__supernode joined = join(&out[count - 2], &out[count - 1]);
            if (joined.width == 0)
                break;
            out[--count - 1] = joined;
        }
    }
    return count;
}
