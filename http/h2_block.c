#include "http/h2_block.h"

#include "base/macro.h"
#include "base/mem.h"

void h2_block_begin(struct h2_block *block, size_t limit_bytes, size_t limit_lines)
{
    block->len = block->count = block->seen_bytes = 0;
    block->limit_bytes = limit_bytes;
    block->limit_lines = MIN(limit_lines, (size_t)H2_FIELDS_MAX);
    block->is_over = block->target_is_over = false;
}

void h2_block_free(struct h2_block *block)
{
    if (!block)
        return;
    mem_free(block->bytes);
    mem_free(block->lines);
    mem_free(block);
}

static uint32_t keep(struct h2_block *block, struct slice bytes)
{
    size_t at = block->len;

    mem_grow((void **)&block->bytes, &block->cap, at + bytes.len + 1, 1);
    if (bytes.len)
        memcpy(block->bytes + at, bytes.data, bytes.len);
    block->len += bytes.len;
    return (uint32_t)at;
}

void h2_block_add(struct h2_block *block, struct slice name, struct slice value)
{
    struct h2_line line = {.name_len = (uint32_t)name.len, .value_len = (uint32_t)value.len};

    block->seen_bytes += name.len + value.len + 4; /* ": " and CR LF */
    if (block->is_over)
        return;
    if (block->seen_bytes > block->limit_bytes ||
        (!h2_name_is_pseudo(name) && block->count >= block->limit_lines) || block->count >= H2_FIELDS_MAX) {
        block->is_over = true;
        block->target_is_over = slice_eq(name, SLICE(":path"));
        return;
    }
    line.name = keep(block, name);
    line.value = keep(block, value);
    mem_grow((void **)&block->lines, &block->lines_cap, block->count + 1, sizeof(line));
    block->lines[block->count++] = line;
}

/* ---- reading it ---- */

struct slice h2_block_name(const struct h2_block *block, size_t i)
{
    return slice_of(block->bytes + block->lines[i].name, block->lines[i].name_len);
}

struct slice h2_block_value(const struct h2_block *block, size_t i)
{
    return slice_of(block->bytes + block->lines[i].value, block->lines[i].value_len);
}

static bool is_cookie(const struct h2_block *block, size_t i)
{
    return slice_eq(h2_block_name(block, i), SLICE("cookie"));
}

static size_t find_cookie(const struct h2_block *block, size_t from)
{
    while (from < block->count && !is_cookie(block, from))
        from++;
    return from;
}

/* A client may send each of its cookies on a line of its own; HTTP/1 knows one line (RFC 9113 §8.2.3). Before slices are
 * made of lines, as the bytes may move. */
void h2_block_join_cookies(struct h2_block *block)
{
    size_t first = find_cookie(block, 0), next = find_cookie(block, first + 1);
    uint32_t joined = (uint32_t)block->len;

    if (next >= block->count)
        return;
    mem_grow((void **)&block->bytes, &block->cap, block->len + block->seen_bytes,
             1); /* nothing moves below */
    keep(block, h2_block_value(block, first));
    for (; next < block->count; next = find_cookie(block, next + 1)) {
        keep(block, SLICE("; "));
        keep(block, h2_block_value(block, next));
    }
    block->lines[first].value = joined;
    block->lines[first].value_len = (uint32_t)block->len - joined;
}
