#include "http/h2_pages.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/list.h"
#include "base/macro.h"
#include "base/mem.h"

/* Regions of 64 pages, at multiples of their size, so that a page's address tells its region. The first page of each is its
 * head. A region without a used page goes back to the kernel, but for the last one. */
enum { REGION_PAGES = 64, REGION_BYTES = REGION_PAGES * H2_PAGE_BYTES };

struct region {
    struct link link; /* in with_room, while it has some */
    uint64_t free;    /* a bit a page */
};

static const uint64_t ALL_FREE = ~(uint64_t)1;

static _Thread_local struct {
    struct link with_room; /* in order once there was a region */
    unsigned regions;
} here;

bool h2_pages_are_here(void)
{
    return sysconf(_SC_PAGESIZE) == H2_PAGE_BYTES;
}

/* Twice as much holds a whole one at such an address; what is around it goes back. */
static char *map_aligned(void)
{
    char *wide = mmap(NULL, 2 * REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;

    ASSERT(wide != MAP_FAILED); /* no memory, which mem_new() does not survive either */
    before = -(uintptr_t)wide % REGION_BYTES;
    if (before)
        munmap(wide, before);
    munmap(wide + before + REGION_BYTES, REGION_BYTES - before);
    return wide + before;
}

static struct region *region_new(void)
{
    char *bytes = map_aligned();
    struct region *region = (struct region *)bytes;

    madvise(bytes, REGION_BYTES, MADV_NOHUGEPAGE); /* one page is to be one page */
    region->free = ALL_FREE;
    if (here.regions++ == 0)
        list_init(&here.with_room);
    list_push_front(&here.with_room, &region->link);
    return region;
}

static struct region *region_with_room(void)
{
    if (here.regions == 0 || list_is_empty(&here.with_room))
        return region_new();
    return LIST_FIRST(&here.with_room, struct region, link);
}

void *h2_pages_take(void)
{
    struct region *region = region_with_room();
    unsigned i = (unsigned)__builtin_ctzll(region->free);

    region->free &= ~((uint64_t)1 << i);
    if (region->free == 0)
        list_remove(&region->link);
    return (char *)region + (size_t)i * H2_PAGE_BYTES;
}

static bool is_zero(const char *page)
{
    return page[0] == 0 && memcmp(page, page + 1, H2_PAGE_BYTES - 1) == 0;
}

void h2_pages_rest(void *page)
{
    if (is_zero(page))
        madvise(page, H2_PAGE_BYTES, MADV_DONTNEED);
}

void h2_pages_give(void *page)
{
    size_t offset = (uintptr_t)page % REGION_BYTES, i = offset / H2_PAGE_BYTES;
    struct region *region = (struct region *)((char *)page - offset);

    if (madvise(page, H2_PAGE_BYTES, MADV_DONTNEED) != 0)
        memset(page, 0, H2_PAGE_BYTES); /* locked in memory */
    if (region->free == 0)
        list_push_front(&here.with_room, &region->link);
    region->free |= (uint64_t)1 << i;
    if (region->free != ALL_FREE || here.regions == 1)
        return;
    list_remove(&region->link);
    here.regions--;
    munmap(region, REGION_BYTES);
}
