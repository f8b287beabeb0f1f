// Band attention of packed float32 tokens, forward and backward: the tiles of the matrix products
// are made and consumed in cache, so neither the scores nor the strips of keys are ever in memory.
//
// Each row and head is one task. Its keys are the tokens of the row, then the visible keys; both
// lie in panels of COLUMNS keys, transposed, so that a tile of scores is ROWS queries by one panel.
//
// Axes: B rows, T packed tokens, H heads, D head width, V visible keys of a row.

#include "vectors.h"

enum {
    ROWS = LANES == 16 ? 8 : 6,
    COLUMNS = 2 * LANES,
    BLOCK = 48,  // queries whose weights are kept together; a multiple of ROWS
};

// Mirrored by `_Call` in attention/native.py. A token stride is in floats; a head follows the
// other without a gap.
typedef struct {
    i64 n_rows, n_heads, head_width, half_window, n_visible;
    const i64 *offsets;                              // (B + 1)
    const float *query, *key, *value;                // (T, H, D)
    const float *visible_key, *visible_value;        // (B, V, H, D)
    const uint8_t *is_there;                         // (B, V), or none: all are
    const uint8_t *unseen;                           // (T), or none
    i64 query_stride, key_stride, value_stride;
    float *output;                                   // (T, H, D)
    float *log_sum;                                  // (T, H): log of the sum of e^score
    const float *grad_output;                        // (T, H, D)
    float *grad_query, *grad_key, *grad_value;       // (T, H, D), or none of the three
    float *grad_visible_key, *grad_visible_value;    // (B, V, H, D)
    i64 grad_stride;
} Call;

// One row and head.
typedef struct {
    const Call *call;
    i64 row, head, start, n_tokens;
    i64 n_band_panels, n_panels;
    i64 width, row_width, column_width;  // D, and D up to a multiple of ROWS, of COLUMNS
} Task;

// What a task works in; panels are (COLUMNS keys) x D, transposed or not.
typedef struct {
    float *key_panels, *value_panels;            // [panel][D][COLUMNS]
    float *grad_key_panels, *grad_value_panels;  // [panel][row width][COLUMNS]
    float *key_rows, *value_rows;                // [key][column width]
    float *query, *grad_output;                  // [BLOCK][row width]
    float *mixed;                                // [BLOCK][column width]
    float *weights, *grad_weights;               // [BLOCK][columns seen]
    float *has_unseen;                           // [panel of the band]: a key nobody sees
} Space;

// The panels a block or a group of queries sees of the band.
typedef struct {
    i64 first, end;
} Panels;

INLINE i64 least(i64 a, i64 b) { return a < b ? a : b; }
INLINE i64 most(i64 a, i64 b) { return a > b ? a : b; }
INLINE i64 up_to(i64 n, i64 multiple) { return (n + multiple - 1) / multiple * multiple; }

// out[ROWS][COLUMNS] (+)= sum over n steps of a[row] * b[column].
INLINE void tile(const float *a, i64 a_row, i64 a_step, const float *b, i64 b_step, i64 n,
                 float *out, i64 out_row, int add) {
    vec sum[ROWS][2];
#pragma GCC unroll 8
    for (int row = 0; row < ROWS; row++) {
        sum[row][0] = add ? load(out + row * out_row) : all(0);
        sum[row][1] = add ? load(out + row * out_row + LANES) : all(0);
    }
    for (i64 step = 0; step < n; step++) {
        vec left = load(b), right = load(b + LANES);
#pragma GCC unroll 8
        for (int row = 0; row < ROWS; row++) {
            float factor = a[row * a_row];
            sum[row][0] += factor * left;
            sum[row][1] += factor * right;
        }
        a += a_step;
        b += b_step;
    }
#pragma GCC unroll 8
    for (int row = 0; row < ROWS; row++) {
        store(out + row * out_row, sum[row][0]);
        store(out + row * out_row + LANES, sum[row][1]);
    }
}

// ---- packing

static void to_panel(const float *from, i64 stride, i64 n, i64 width, float *panel) {
    for (i64 d = 0; d < width; d++)
        for (i64 key = 0; key < COLUMNS; key++)
            panel[d * COLUMNS + key] = key < n ? from[key * stride + d] : 0;
}

static void to_rows(const float *from, i64 stride, i64 n, const Task *task, float *rows) {
    for (i64 key = 0; key < COLUMNS; key++, rows += task->column_width) {
        memset(rows, 0, task->column_width * sizeof(float));
        if (key < n)
            memcpy(rows, from + key * stride, task->width * sizeof(float));
    }
}

// The keys or values of a task, those of the band and then the visible ones.
static void pack(const Task *task, const float *packed, i64 stride, const float *visible,
                 float *panels, float *rows) {
    const Call *call = task->call;
    i64 token = call->n_heads * task->width;
    for (i64 panel = 0; panel < task->n_panels; panel++) {
        i64 of_band = panel < task->n_band_panels;
        i64 first = (of_band ? panel : panel - task->n_band_panels) * COLUMNS;
        i64 n = (of_band ? task->n_tokens : call->n_visible) - first;
        const float *from = of_band
            ? packed + (task->start + first) * stride + task->head * task->width
            : visible + (task->row * call->n_visible + first) * token + task->head * task->width;
        if (panels)
            to_panel(from, of_band ? stride : token, n, task->width,
                     panels + panel * task->width * COLUMNS);
        if (rows)
            to_rows(from, of_band ? stride : token, n, task,
                    rows + panel * COLUMNS * task->column_width);
    }
}

static void note_unseen(const Task *task, const Space *space) {
    const uint8_t *unseen = task->call->unseen;
    for (i64 panel = 0; panel < task->n_band_panels; panel++) {
        i64 first = task->start + panel * COLUMNS;
        i64 n = unseen ? least(COLUMNS, task->n_tokens - panel * COLUMNS) : 0;
        space->has_unseen[panel] = n > 0 && memchr(unseen + first, 1, n);
    }
}

// Up to BLOCK rows from token `first` on, scaled; rows beyond the end of the row are 0.
static void pack_block(const Task *task, const float *packed, i64 stride, i64 first, float scale,
                       float *block) {
    memset(block, 0, BLOCK * task->row_width * sizeof(float));
    i64 n = least(BLOCK, task->n_tokens - first);
    for (i64 row = 0; row < n; row++) {
        const float *from = packed + (task->start + first + row) * stride + task->head * task->width;
        for (i64 d = 0; d < task->width; d++)
            block[row * task->row_width + d] = from[d] * scale;
    }
}

// ---- one group of ROWS queries

INLINE Panels seen_by(const Task *task, i64 first, i64 n) {
    i64 half_window = task->call->half_window;
    i64 last = least(task->n_tokens, first + n) - 1;
    i64 first_key = most(0, first - half_window);
    i64 end_key = least(task->n_tokens, last + half_window + 1);
    return (Panels){first_key / COLUMNS, (end_key + COLUMNS - 1) / COLUMNS};
}

// A buffer of weights has columns for the visible panels, then for those of its block's band.
INLINE i64 n_visible_columns(const Task *task) {
    return (task->n_panels - task->n_band_panels) * COLUMNS;
}
INLINE i64 band_column(const Task *task, Panels block, i64 panel) {
    return n_visible_columns(task) + (panel - block.first) * COLUMNS;
}
INLINE i64 n_columns_of(const Task *task, Panels block) {
    return band_column(task, block, block.end);
}

// products[ROWS][columns] = left[ROWS][D] . panels, for the visible panels and the group's.
static void multiply(const Task *task, Panels block, Panels group, const float *left,
                     const float *panels, float *products, i64 n_columns) {
    i64 size = task->width * COLUMNS;
    const float *visible = panels + task->n_band_panels * size;
    for (i64 column = 0; column < n_visible_columns(task); column += COLUMNS, visible += size)
        tile(left, task->row_width, 1, visible, COLUMNS, task->width, products + column,
             n_columns, 0);
    for (i64 panel = group.first; panel < group.end; panel++)
        tile(left, task->row_width, 1, panels + panel * size, COLUMNS, task->width,
             products + band_column(task, block, panel), n_columns, 0);
}

// mixed[ROWS][D] = weights[ROWS][columns] . rows, over the same panels.
static void mix(const Task *task, Panels block, Panels group, const float *weights,
                i64 n_columns, const float *rows, float *mixed) {
    i64 width = task->column_width;
    const float *visible = rows + task->n_band_panels * COLUMNS * width;
    const float *band = rows + group.first * COLUMNS * width;
    const float *of_band = weights + band_column(task, block, group.first);
    i64 n_band = (group.end - group.first) * COLUMNS;
    for (i64 d = 0; d < width; d += COLUMNS) {
        tile(weights, n_columns, 1, visible + d, width, n_visible_columns(task), mixed + d, width, 0);
        tile(of_band, n_columns, 1, band + d, width, n_band, mixed + d, width, 1);
    }
}

INLINE void hide(float *scores, i64 from, i64 to) {
    for (i64 column = from; column < to; column++)
        scores[column] = -INFINITY;
}

// Scores of one query at keys it does not see become -inf; `first_key` is that of the group.
static void hide_unseen(const Task *task, const Space *space, i64 query, i64 first_key,
                        float *visible, float *band, i64 n_band) {
    const Call *call = task->call;
    hide(visible, call->n_visible, n_visible_columns(task));
    if (call->is_there)
        for (i64 key = 0; key < call->n_visible; key++)
            if (!call->is_there[task->row * call->n_visible + key])
                visible[key] = -INFINITY;
    if (!n_band)
        return;
    i64 from = most(0, query - call->half_window - first_key);
    i64 to = least(task->n_tokens, query + call->half_window + 1) - first_key;
    hide(band, 0, from);
    hide(band, to, n_band);
    for (i64 panel = 0; panel < n_band; panel += COLUMNS)
        if (space->has_unseen[(first_key + panel) / COLUMNS])
            for (i64 key = most(from, panel); key < least(to, panel + COLUMNS); key++)
                if (call->unseen[task->start + first_key + key])
                    band[key] = -INFINITY;
}

APART float largest_in(const float *scores, i64 n, float so_far) {
    vec largest = all(so_far);
    for (i64 column = 0; column < n; column += LANES)
        largest = larger(load(scores + column), largest);
    return largest_of(largest);
}

// Scores become e^(score - shift); their sum.
APART float exponentiate(float *scores, i64 n, float shift) {
    vec sum = all(0);
    for (i64 column = 0; column < n; column += LANES) {
        vec weight = exponential(load(scores + column) - shift);
        store(scores + column, weight);
        sum += weight;
    }
    return sum_of(sum);
}

// Scores of a group become weights: e^(score - log_sum) where that is known, else
// e^(score - largest), and the log of the sum is noted; the sums are what `mix` must be divided by.
static void soften(const Task *task, const Space *space, Panels block, Panels group, i64 first, int log_sum_known,
                   float *scores, i64 n_columns, float *sums) {
    const Call *call = task->call;
    i64 n_visible = n_visible_columns(task);
    i64 n_band = (group.end - group.first) * COLUMNS;
    for (i64 row = 0; row < ROWS && first + row < task->n_tokens; row++) {
        float *visible = scores + row * n_columns;
        float *band = visible + band_column(task, block, group.first);
        hide_unseen(task, space, first + row, group.first * COLUMNS, visible, band, n_band);
        float *log_sum = call->log_sum + (task->start + first + row) * call->n_heads + task->head;
        float shift = *log_sum;
        if (!log_sum_known)
            shift = largest_in(band, n_band, largest_in(visible, n_visible, -INFINITY));
        if (shift == -INFINITY)  // it sees no key at all
            shift = 0;
        sums[row] = exponentiate(visible, n_visible, shift) + exponentiate(band, n_band, shift);
        if (!log_sum_known)
            *log_sum = sums[row] > 0 ? shift + logf(sums[row]) : -INFINITY;
    }
}

// ---- forward

static void forward_task(const Task *task, const Space *space) {
    const Call *call = task->call;
    float scale = 1 / sqrtf(task->width);
    pack(task, call->key, call->key_stride, call->visible_key, space->key_panels, NULL);
    pack(task, call->value, call->value_stride, call->visible_value, NULL, space->value_rows);
    note_unseen(task, space);
    for (i64 first = 0; first < task->n_tokens; first += BLOCK) {
        i64 n = least(BLOCK, task->n_tokens - first);
        pack_block(task, call->query, call->query_stride, first, scale, space->query);
        for (i64 row = 0; row < n; row += ROWS) {
            Panels group = seen_by(task, first + row, ROWS);
            i64 n_columns = n_columns_of(task, group);
            float sums[ROWS];
            multiply(task, group, group, space->query + row * task->row_width,
                     space->key_panels, space->weights, n_columns);
            soften(task, space, group, group, first + row, 0, space->weights, n_columns, sums);
            mix(task, group, group, space->weights, n_columns, space->value_rows, space->mixed);
            for (i64 i = 0; i < ROWS && row + i < n; i++) {
                i64 token = task->start + first + row + i;
                float *to = call->output + (token * call->n_heads + task->head) * task->width;
                float factor = sums[i] > 0 ? 1 / sums[i] : 0;
                for (i64 d = 0; d < task->width; d++)
                    to[d] = space->mixed[i * task->column_width + d] * factor;
            }
        }
    }
}

// ---- backward

INLINE float dot_product(const float *a, const float *b, i64 n) {
    vec sums = all(0);
    i64 at = 0;
    for (; at + LANES <= n; at += LANES)
        sums += load(a + at) * load(b + at);
    float sum = sum_of(sums);
    for (; at < n; at++)
        sum += a[at] * b[at];
    return sum;
}

// grad_weights becomes the gradient of the scores: weight * (grad_weight - grad_output . output).
static void soften_backward(const Task *task, i64 first, const float *weights,
                            float *grad_weights, i64 n_columns) {
    const Call *call = task->call;
    for (i64 row = 0; row < ROWS && first + row < task->n_tokens; row++) {
        i64 at = ((task->start + first + row) * call->n_heads + task->head) * task->width;
        float dot = dot_product(call->grad_output + at, call->output + at, task->width);
        for (i64 column = 0; column < n_columns; column += LANES) {
            i64 place = row * n_columns + column;
            store(grad_weights + place,
                  load(weights + place) * (load(grad_weights + place) - dot));
        }
    }
}

// panels[D][COLUMNS] += left[query][D] . weights[query][COLUMNS], for each panel of the block.
static void gather(const Task *task, Panels block, const float *left, const float *weights,
                   i64 first, i64 n_queries, float *panels) {
    i64 size = task->row_width * COLUMNS, n_columns = n_columns_of(task, block);
    float *visible = panels + task->n_band_panels * size;
    for (i64 column = 0; column < n_visible_columns(task); column += COLUMNS, visible += size)
        for (i64 d = 0; d < task->row_width; d += ROWS)
            tile(left + d, 1, task->row_width, weights + column, n_columns, n_queries,
                 visible + d * COLUMNS, COLUMNS, 1);
    for (i64 panel = block.first; panel < block.end; panel++) {
        i64 from = most(0, panel * COLUMNS - task->call->half_window - first);
        i64 to = least(n_queries, (panel + 1) * COLUMNS + task->call->half_window - first);
        const float *seen = weights + from * n_columns + band_column(task, block, panel);
        for (i64 d = 0; d < task->row_width; d += ROWS)
            tile(left + from * task->row_width + d, 1, task->row_width, seen, n_columns, to - from,
                 panels + panel * size + d * COLUMNS, COLUMNS, 1);
    }
}

// Weights and score gradients outside what a group sees, but inside its block, are 0.
static void clear_outside(const Task *task, Panels block, Panels group, float *weights,
                          i64 n_columns) {
    i64 from = band_column(task, block, group.first);
    i64 visible = n_visible_columns(task);
    i64 to = from + (group.end - group.first) * COLUMNS;
    for (i64 row = 0; row < ROWS; row++, weights += n_columns) {
        memset(weights + visible, 0, (from - visible) * sizeof(float));
        memset(weights + to, 0, (n_columns - to) * sizeof(float));
    }
}

// Weights and gradients of the scores of the block, and for the query in `mixed`.
static void backward_group(const Task *task, const Space *space, Panels block, i64 first, i64 row) {
    float sums[ROWS];
    i64 n_columns = n_columns_of(task, block), at = row * task->row_width;
    float *weights = space->weights + row * n_columns;
    float *grad_weights = space->grad_weights + row * n_columns;
    Panels group = task->n_band_panels ? seen_by(task, first + row, ROWS) : block;
    multiply(task, block, group, space->query + at, space->key_panels, weights, n_columns);
    multiply(task, block, group, space->grad_output + at, space->value_panels, grad_weights,
             n_columns);
    soften(task, space, block, group, first + row, 1, weights, n_columns, sums);
    clear_outside(task, block, group, weights, n_columns);
    clear_outside(task, block, group, grad_weights, n_columns);
    soften_backward(task, first + row, weights, grad_weights, n_columns);
    if (task->call->grad_query)
        mix(task, block, group, grad_weights, n_columns, space->key_rows,
            space->mixed + row * task->column_width);
}

static void unpack_block(const Task *task, i64 first, float scale, const float *mixed) {
    const Call *call = task->call;
    i64 n = least(BLOCK, task->n_tokens - first);
    for (i64 row = 0; row < n; row++) {
        i64 token = task->start + first + row;
        float *to = call->grad_query + token * call->grad_stride + task->head * task->width;
        for (i64 d = 0; d < task->width; d++)
            to[d] = mixed[row * task->column_width + d] * scale;
    }
}

static void unpack(const Task *task, const float *panels, float *packed, float *visible) {
    const Call *call = task->call;
    i64 token = call->n_heads * task->width, head = task->head * task->width;
    for (i64 panel = 0; panel < task->n_panels; panel++, panels += task->row_width * COLUMNS) {
        i64 of_band = panel < task->n_band_panels;
        i64 first = (of_band ? panel : panel - task->n_band_panels) * COLUMNS;
        i64 n = least(COLUMNS, (of_band ? task->n_tokens : call->n_visible) - first);
        i64 stride = of_band ? call->grad_stride : token;
        float *to = of_band ? packed + (task->start + first) * stride + head
                            : visible + (task->row * call->n_visible + first) * token + head;
        for (i64 key = 0; key < n; key++)
            for (i64 d = 0; d < task->width; d++)
                to[key * stride + d] = panels[d * COLUMNS + key];
    }
}

static void backward_task(Task *task, const Space *space) {
    const Call *call = task->call;
    float scale = 1 / sqrtf(task->width);
    i64 token = call->n_heads * task->width;
    if (!call->grad_query) {  // only the visible keys want a gradient
        task->n_panels -= task->n_band_panels;
        task->n_band_panels = 0;
    }
    i64 grad_size = task->n_panels * task->row_width * COLUMNS * sizeof(float);
    memset(space->grad_key_panels, 0, grad_size);
    memset(space->grad_value_panels, 0, grad_size);
    pack(task, call->key, call->key_stride, call->visible_key, space->key_panels, space->key_rows);
    pack(task, call->value, call->value_stride, call->visible_value, space->value_panels, NULL);
    note_unseen(task, space);
    for (i64 first = 0; first < task->n_tokens; first += BLOCK) {
        i64 n = least(BLOCK, task->n_tokens - first);
        Panels block = task->n_band_panels ? seen_by(task, first, BLOCK) : (Panels){0, 0};
        pack_block(task, call->query, call->query_stride, first, scale, space->query);
        pack_block(task, call->grad_output, token, first, 1, space->grad_output);
        for (i64 row = 0; row < n; row += ROWS)
            backward_group(task, space, block, first, row);
        gather(task, block, space->query, space->grad_weights, first, n,
               space->grad_key_panels);
        gather(task, block, space->grad_output, space->weights, first, n,
               space->grad_value_panels);
        if (call->grad_query)
            unpack_block(task, first, scale, space->mixed);
    }
    unpack(task, space->grad_key_panels, call->grad_key, call->grad_visible_key);
    unpack(task, space->grad_value_panels, call->grad_value, call->grad_visible_value);
}

// ---- tasks

static Task task_of(const Call *call, i64 row, i64 head) {
    Task task = {.call = call, .row = row, .head = head, .start = call->offsets[row]};
    task.n_tokens = call->offsets[row + 1] - task.start;
    task.n_band_panels = (task.n_tokens + COLUMNS - 1) / COLUMNS;
    task.n_panels = task.n_band_panels + (call->n_visible + COLUMNS - 1) / COLUMNS;
    task.width = call->head_width;
    task.row_width = up_to(task.width, ROWS);
    task.column_width = up_to(task.width, COLUMNS);
    return task;
}

// Cuts one allocation into the arrays of a space; without an allocation, only its size.
static i64 lay_out(const Call *call, int backward, float *memory, Space *space) {
    Task longest = task_of(call, 0, 0);
    for (i64 row = 1; row < call->n_rows; row++)
        if (call->offsets[row + 1] - call->offsets[row] > longest.n_tokens)
            longest = task_of(call, row, 0);
    Panels band = {0, longest.n_band_panels};
    band.end = least(band.end, (BLOCK + 2 * call->half_window) / COLUMNS + 2);
    i64 keys = longest.n_panels * COLUMNS;
    i64 weights = BLOCK * n_columns_of(&longest, band);
    struct { float **array; i64 size; } parts[] = {
        {&space->key_panels, keys * longest.width},
        {&space->value_rows, keys * longest.column_width},
        {&space->query, BLOCK * longest.row_width},
        {&space->mixed, BLOCK * longest.column_width},
        {&space->weights, weights},
        {&space->has_unseen, longest.n_band_panels},
        {&space->key_rows, backward * keys * longest.column_width},
        {&space->value_panels, backward * keys * longest.width},
        {&space->grad_key_panels, backward * keys * longest.row_width},
        {&space->grad_value_panels, backward * keys * longest.row_width},
        {&space->grad_output, backward * BLOCK * longest.row_width},
        {&space->grad_weights, backward * weights},
    };
    i64 size = 0;
    for (size_t part = 0; part < sizeof parts / sizeof *parts; part++) {
        *parts[part].array = memory ? memory + size : NULL;
        size += up_to(parts[part].size, 16);
    }
    return size * sizeof(float);
}

static int run(const Call *call, int backward) {
    int failed = 0;
#pragma omp parallel
    {
        Space space;
        i64 size = up_to(lay_out(call, backward, NULL, &space), 64);
        float *memory = aligned_alloc(64, size);
        if (memory)
            lay_out(call, backward, memory, &space);
        else
#pragma omp atomic write
            failed = 1;
#pragma omp for schedule(dynamic)
        for (i64 number = 0; number < call->n_rows * call->n_heads; number++) {
            if (!memory)
                continue;
            Task task = task_of(call, number / call->n_heads, number % call->n_heads);
            backward ? backward_task(&task, &space) : forward_task(&task, &space);
        }
        free(memory);
    }
    return failed;
}

// 0, or 1 if there was not enough memory.
int band_forward(const Call *call) { return run(call, 0); }
int band_backward(const Call *call) { return run(call, 1); }
