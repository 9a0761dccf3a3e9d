/* In place of backends/warden.c, likewise: who must look again does so in the next turn, as if the main thread had said
 * it; reports are counted. */
#include "backends/warden.h"

#include "base/mem.h"
#include "sim_pools/farm.h"

struct warden {
    struct farm *farm;
};

struct warden *fake_warden_new(struct farm *farm)
{
    struct warden *warden = mem_new(struct warden);

    warden->farm = farm;
    return warden;
}

void fake_warden_free(struct warden *warden)
{
    mem_free(warden);
}

static void on_told(void *argument)
{
    struct farm *farm = argument;

    for (size_t i = 0; i < farm->workers_count; i++)
        desk_renew(farm_desk(farm, i), farm->roster);
}

void warden_tell(struct warden *warden, struct standing *standing)
{
    loop_post(warden->farm->loop, on_told, warden->farm);
}

/* Standings are the test's to give. */
void warden_served(struct warden *warden, struct standing *standing)
{
}

void warden_report(struct warden *warden, struct standing *standing, enum outlier_kind kind)
{
    struct farm *farm = warden->farm;

    for (size_t i = 0; i < farm->pool.count; i++)
        farm->servers[i].reports[kind] += farm->servers[i].standing == standing;
}
