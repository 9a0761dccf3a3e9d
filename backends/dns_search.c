#include "backends/dns_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

enum { NDOTS_DEFAULT = 1, NDOTS_MAX = 15, HOST_NAME_ROOM = 256 };

static const char BLANKS[] = " \t\r\n";

static bool next_word(struct slice *rest, struct slice *word)
{
    size_t from = 0, to;

    while (from < rest->len && strchr(BLANKS, rest->data[from]))
        from++;
    to = from;
    while (to < rest->len && !strchr(BLANKS, rest->data[to]))
        to++;
    *word = slice_of(rest->data + from, to - from);
    *rest = slice_from(*rest, to);
    return word->len > 0;
}

static void forget_domains(struct dns_search *search)
{
    while (search->count)
        mem_free(search->domains[--search->count]);
}

static void add_domain(struct dns_search *search, struct slice domain)
{
    while (domain.len && domain.data[domain.len - 1] == '.')
        domain.len--;
    if (domain.len && search->count < DNS_SEARCH_MAX)
        search->domains[search->count++] = mem_string(domain);
}

/* The last list counts (resolv.conf(5)). */
static void take_domains(struct dns_search *search, struct slice words, unsigned max)
{
    struct slice word;

    forget_domains(search);
    while (search->count < max && next_word(&words, &word))
        add_domain(search, word);
}

static void take_options(struct dns_search *search, struct slice words)
{
    struct slice word;
    uint64_t ndots;

    while (next_word(&words, &word)) {
        if (!slice_starts(word, SLICE("ndots:")))
            continue;
        if (slice_to_u64(slice_from(word, sizeof("ndots:") - 1), UINT32_MAX, &ndots))
            search->ndots = (unsigned)MIN(ndots, NDOTS_MAX);
    }
}

static void take_line(struct dns_search *search, struct slice line)
{
    struct slice word;

    if (!next_word(&line, &word))
        return;
    if (slice_eq(word, SLICE("search")))
        take_domains(search, line, DNS_SEARCH_MAX);
    else if (slice_eq(word, SLICE("domain")))
        take_domains(search, line, 1);
    else if (slice_eq(word, SLICE("options")))
        take_options(search, line);
}

static void take_file(struct dns_search *search, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (!file)
        return;
    while ((len = getline(&line, &cap, file)) >= 0)
        take_line(search, slice_of(line, (size_t)len));
    free(line);
    fclose(file);
}

/* A machine that is called "web.example.org" searches "example.org" where no list is given. */
static void take_own_domain(struct dns_search *search)
{
    char name[HOST_NAME_ROOM] = "";
    const char *dot;

    if (gethostname(name, sizeof(name) - 1) == 0 && (dot = strchr(name, '.')) != NULL)
        add_domain(search, slice_str(dot + 1));
}

void dns_search_read(struct dns_search *search, const char *resolv_conf)
{
    const char *domains = getenv("LOCALDOMAIN"), *options = getenv("RES_OPTIONS");

    *search = (struct dns_search){.ndots = NDOTS_DEFAULT};
    take_own_domain(search);
    take_file(search, resolv_conf);
    if (domains)
        take_domains(search, slice_str(domains), DNS_SEARCH_MAX);
    if (options)
        take_options(search, slice_str(options));
}

void dns_search_fini(struct dns_search *search)
{
    forget_domains(search);
}

/* Steps. */

static unsigned count_dots(struct slice name)
{
    unsigned dots = 0;

    for (size_t i = 0; i < name.len; i++)
        dots += name.data[i] == '.';
    return dots;
}

static void join(struct slice name, const char *domain, char out[DNS_NAME_MAX + 1])
{
    int len =
        snprintf(out, DNS_NAME_MAX + 1, "%.*s%s%s", FMT_SLICE(name), domain ? "." : "", domain ? domain : "");

    if (len > DNS_NAME_MAX || !dns_name_is_valid(slice_str(out)))
        out[0] = '\0';
}

bool dns_search_step(const struct dns_search *search, struct slice name, unsigned step,
                     char out[DNS_NAME_MAX + 1])
{
    unsigned as_it_is = count_dots(name) >= search->ndots ? 0 : search->count;

    if (step > search->count)
        return false;
    if (step == as_it_is)
        join(name, NULL, out);
    else
        join(name, search->domains[step > as_it_is ? step - 1 : step], out);
    return true;
}
