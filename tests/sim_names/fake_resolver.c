#include "sim_names/fake_resolver.h"

#include "base/mem.h"
#include "sim/must.h"

struct resolver {
    struct loop *loop;
};

struct asked asked = {.lookups = {&asked.lookups, &asked.lookups}};

int resolver_new(struct loop *loop, const struct address *servers, size_t count, struct resolver **out,
                 struct error *error)
{
    *out = mem_new(struct resolver);
    (*out)->loop = loop;
    asked.resolvers++;
    return 0;
}

static void lookup_end(struct lookup *lookup)
{
    list_remove(&lookup->link);
    asked.under_way--;
    mem_free((char *)lookup->name.data);
    mem_free(lookup);
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    MUST(asked.under_way == 0, "%zu lookups were left behind", asked.under_way);
    asked.resolvers--;
    mem_free(resolver);
}

struct lookup *resolver_ask(struct resolver *resolver, enum lookup_kind kind, struct slice name,
                            lookup_done *done, void *owner)
{
    struct lookup *lookup = mem_new(struct lookup);

    MUST(resolver, "there is none");
    *lookup = (struct lookup){
        .kind = kind, .name = slice_of(mem_string(name), name.len), .done = done, .owner = owner};
    list_push_back(&asked.lookups, &lookup->link);
    asked.under_way++;
    asked.times++;
    return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
    lookup_end(lookup);
}

struct lookup *asked_for(const char *name)
{
    LIST_EACH(&asked.lookups, link) {
        struct lookup *lookup = CONTAINER_OF(link, struct lookup, link);

        if (slice_eq(lookup->name, slice_str(name)))
            return lookup;
    }
    cr_assert_fail("nobody asks for %s", name);
    return NULL;
}

/* It has ended when its owner hears of it. */
void lookup_answer(struct lookup *lookup, const struct lookup_answer *answer)
{
    lookup_done *done = lookup->done;
    void *owner = lookup->owner;

    lookup_end(lookup);
    done(owner, answer);
}
