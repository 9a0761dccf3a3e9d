#include "net/resolve.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "unit/net/party.h"

/* The system's resolver, with names that end in ".fake" under this test's control. */

static atomic_int lookups;
static atomic_int fake_failure;
static atomic_uint fake_last_byte = 1;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    int (*system)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct sockaddr_in *in;

    if (!node || !strstr(node, ".fake")) {
        *(void **)&system = dlsym(RTLD_NEXT, "getaddrinfo");
        return system(node, service, hints, out);
    }
    lookups++;
    if (fake_failure)
        return fake_failure;
    *out = calloc(1, sizeof(**out) + sizeof(*in));
    in = (struct sockaddr_in *)(*out + 1);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(0x0a000000 | fake_last_byte);
    (*out)->ai_addr = (struct sockaddr *)in;
    (*out)->ai_addrlen = sizeof(*in);
    (*out)->ai_flags = -1; /* ours */
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    void (*system)(struct addrinfo *);

    if (list && list->ai_flags == -1) {
        free(list);
        return;
    }
    *(void **)&system = dlsym(RTLD_NEXT, "freeaddrinfo");
    if (list)
        system(list);
}

struct asker {
    struct loop *loop;
    struct resolver *resolver;
    int answers;
    size_t count;
    struct address first;
    char reason[128];
    bool frees_resolver;
};

static void on_answer(void *owner, const struct address *addresses, size_t count, const char *reason)
{
    struct asker *asker = owner;

    asker->answers++;
    if (asker->frees_resolver)
        resolver_free(TAKE(asker->resolver));
    asker->count = count;
    asker->reason[0] = '\0';
    if (count)
        asker->first = addresses[0];
    else
        snprintf(asker->reason, sizeof(asker->reason), "%s", reason);
}

static void ask(struct asker *asker, const char *name)
{
    int before = asker->answers;

    resolve_start(asker->resolver, slice_str(name), on_answer, asker);
    cr_assert_eq(asker->answers, before, "never from inside the call");
    RUN_UNTIL(asker->loop, asker->answers == before + 1);
}

static void asker_init(struct asker *asker)
{
    *asker = (struct asker){.loop = test_loop()};
    asker->resolver = resolver_new(asker->loop);
}

static void asker_fini(struct asker *asker)
{
    resolver_free(asker->resolver);
    loop_free(asker->loop);
}

/* The loop's clock never goes back, so this holds. */
static void time_passes(struct asker *asker, uint64_t ms)
{
    loop_timers(asker->loop)->now_ms += ms;
}

static const char *first_ip(const struct asker *asker)
{
    static char text[ADDRESS_TEXT];

    return address_describe_ip(&asker->first, text);
}

Test(resolve, localhost_by_the_system)
{
    struct asker asker;

    asker_init(&asker);
    ask(&asker, "localhost");
    cr_assert_gt(asker.count, 0);
    cr_assert(strcmp(first_ip(&asker), "127.0.0.1") == 0 || strcmp(first_ip(&asker), "::1") == 0);
    cr_assert_eq(address_port(&asker.first), 0);
    asker_fini(&asker);
}

Test(resolve, fresh_answer_is_reused_and_an_old_one_is_asked_anew)
{
    struct asker asker;
    size_t count = 0;

    asker_init(&asker);
    cr_assert_null(resolve_cached(asker.resolver, SLICE("app.fake"), &count));
    ask(&asker, "app.fake");
    cr_assert_str_eq(first_ip(&asker), "10.0.0.1");
    cr_assert_not_null(resolve_cached(asker.resolver, SLICE("app.fake"), &count));
    cr_assert_eq(count, 1);
    time_passes(&asker, 4000);
    fake_last_byte = 2;
    ask(&asker, "app.fake");
    cr_assert_str_eq(first_ip(&asker), "10.0.0.1");
    cr_assert_eq(lookups, 1);
    time_passes(&asker, 2000);
    cr_assert_null(resolve_cached(asker.resolver, SLICE("app.fake"), &count));
    ask(&asker, "app.fake");
    cr_assert_str_eq(first_ip(&asker), "10.0.0.2");
    cr_assert_eq(lookups, 2);
    asker_fini(&asker);
}

Test(resolve, failure_says_why_and_is_asked_again_soon)
{
    struct asker asker;

    asker_init(&asker);
    fake_failure = EAI_NONAME;
    ask(&asker, "nobody.fake");
    cr_assert_eq(asker.count, 0);
    cr_assert_str_eq(asker.reason, "Name or service not known");
    fake_failure = 0;
    time_passes(&asker, 1500);
    ask(&asker, "nobody.fake");
    cr_assert_eq(asker.count, 1);
    asker_fini(&asker);
}

Test(resolve, old_answer_bridges_a_failure_for_five_minutes)
{
    struct asker asker;

    asker_init(&asker);
    ask(&asker, "app.fake");
    fake_failure = EAI_AGAIN;
    time_passes(&asker, 4 * 60 * 1000);
    ask(&asker, "app.fake");
    cr_assert_eq(asker.count, 1);
    cr_assert_eq(lookups, 2);
    time_passes(&asker, 2 * 60 * 1000);
    ask(&asker, "app.fake");
    cr_assert_eq(asker.count, 0);
    cr_assert_str_eq(asker.reason, "Temporary failure in name resolution");
    asker_fini(&asker);
}

Test(resolve, questions_for_one_name_share_a_lookup)
{
    struct asker asker;
    struct resolve *cancelled;

    asker_init(&asker);
    resolve_start(asker.resolver, SLICE("app.fake"), on_answer, &asker);
    cancelled = resolve_start(asker.resolver, SLICE("app.fake"), on_answer, &asker);
    resolve_start(asker.resolver, SLICE("app.fake"), on_answer, &asker);
    resolve_cancel(cancelled);
    RUN_UNTIL(asker.loop, asker.answers == 2);
    settle(asker.loop);
    cr_assert_eq(asker.answers, 2);
    cr_assert_eq(lookups, 1);
    asker_fini(&asker);
}

Test(resolve, freed_while_asking_tells_nothing)
{
    struct asker asker;

    asker_init(&asker);
    resolve_start(asker.resolver, SLICE("app.fake"), on_answer, &asker);
    asker_fini(&asker);
    cr_assert_eq(asker.answers, 0);
}

Test(resolve, freed_inside_an_answer)
{
    struct asker asker;

    asker_init(&asker);
    asker.frees_resolver = true;
    resolve_start(asker.resolver, SLICE("app.fake"), on_answer, &asker);
    resolve_start(asker.resolver, SLICE("app.fake"), on_answer, &asker);
    RUN_UNTIL(asker.loop, asker.answers == 1);
    settle(asker.loop);
    cr_assert_eq(asker.answers, 1, "the second question went with the resolver");
    cr_assert_str_eq(first_ip(&asker), "10.0.0.1", "the answer was valid during the call");
    asker_fini(&asker);
}

Test(resolve, names_of_the_past_are_forgotten)
{
    struct asker asker;
    size_t count;
    char name[32];

    asker_init(&asker);
    for (unsigned i = 0; i < 1100; i++) {
        snprintf(name, sizeof(name), "n%u.fake", i);
        if (i == 1023)
            time_passes(&asker, 10 * 60 * 1000);
        ask(&asker, name);
    }
    cr_assert_not_null(resolve_cached(asker.resolver, SLICE("n1099.fake"), &count));
    cr_assert_null(resolve_cached(asker.resolver, SLICE("n7.fake"), &count));
    asker_fini(&asker);
}
