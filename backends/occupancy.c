#include "backends/occupancy.h"

struct walk {
    void (*each)(void *argument, struct acquisition *acquisition);
    void *argument;
};

/* The last one that leaves would free the view. */
static void walk_view(struct pool_view *view, const struct walk *walk)
{
    pool_view_ref(view);
    for (size_t i = 0; i < view->roster->count; i++) {
        LIST_EACH(&view->endpoints[i].occupants, link)
            walk->each(walk->argument, CONTAINER_OF(link, struct acquisition, occupant.link));
    }
    pool_view_unref(view);
}

static void walk_desk(struct desk *desk, const struct walk *walk)
{
    LIST_EACH(&desk->old_views, link)
        walk_view(CONTAINER_OF(link, struct pool_view, link), walk);
    walk_view(desk->view, walk);
}

void occupancy_each(struct desks *desks, void (*each)(void *argument, struct acquisition *acquisition),
                    void *argument)
{
    const struct walk walk = {each, argument};

    for (size_t i = 0; i < desks->count; i++) {
        if (desks->items[i])
            walk_desk(desks->items[i], &walk);
    }
}

void occupancy_take_out(struct acquisition *acquisition)
{
    acquisition->occupant.taken_out(&acquisition->occupant, acquisition->is_tunnel);
}

uint64_t occupancy_left_ms(const struct acquisition *acquisition)
{
    return pool_view_left_ms(acquisition->view, acquisition->index, acquisition->is_tunnel);
}
