#include "control/changes_parts.h"

static void say(struct text *out, const char *name, struct slice before, struct slice after, const char *note)
{
    struct change_line line = {.out = out, .noun = "setting", .name = slice_str(name)};

    change_line_compare(&line, "", before, after);
    if (note)
        change_line_say(&line, slice_str(note));
    change_line_end(&line);
}

static void say_number(void *argument, const char *name, struct slice before, struct slice after)
{
    say(argument, name, before, after, NULL);
}

/* ---- lists of addresses ---- */

static void add_trusted_proxies(const struct snapshot *snapshot, struct text *out)
{
    char ip[IP_TEXT];

    for (size_t i = 0; i < snapshot->trusted_proxies_count; i++) {
        const struct cidr *cidr = &snapshot->trusted_proxies[i];

        text_printf(out, "%s%s/%u", i ? ", " : "", ip_describe(cidr->ip, ip), cidr->bits);
    }
}

static void add_resolvers(const struct snapshot *snapshot, struct text *out)
{
    char address[ADDRESS_TEXT];

    for (size_t i = 0; i < snapshot->resolvers_count; i++)
        text_printf(out, "%s%s", i ? ", " : "", address_describe(&snapshot->resolvers[i], address));
}

/* ---- the log ---- */

/* The word for the choice of that number. */
static void add_choice(enum section_id section, const char *name, int number, struct text *out)
{
    struct slice choices[CHOICES_MAX];
    size_t count = field_choices(field_find(section, slice_str(name)), choices);

    ASSERT(number >= 0 && (size_t)number < count);
    text_add(out, choices[number]);
}

static void add_level(const struct snapshot *snapshot, struct text *out)
{
    add_choice(SECTION_log, "level", snapshot->log_level, out);
}

static void add_access_to(const struct snapshot *snapshot, struct text *out)
{
    text_add(out, snapshot->access_to);
}

static void add_access_format(const struct snapshot *snapshot, struct text *out)
{
    add_choice(SECTION_access, "format", (int)snapshot->access_format, out);
}

/* ---- what is done once ---- */

static void add_workers(const struct snapshot *snapshot, struct text *out)
{
    if (snapshot->workers)
        text_add_u64(out, snapshot->workers);
    else
        text_add_literal(out, "auto");
}

static void add_user(const struct snapshot *snapshot, struct text *out)
{
    text_add(out, snapshot->user);
}

static void add_sandbox(const struct snapshot *snapshot, struct text *out)
{
    text_add(out, slice_str(snapshot->sandbox ? "on" : "off"));
}

static void add_http2(const struct snapshot *snapshot, struct text *out)
{
    text_add(out, slice_str(snapshot->http2 ? "on" : "off"));
}

static void add_admin(const struct snapshot *snapshot, struct text *out)
{
    if (snapshot->admin.data)
        text_printf(out, "unix:%.*s", FMT_SLICE(snapshot->admin));
}

static void add_watch(const struct snapshot *snapshot, struct text *out)
{
    text_add(out, snapshot->is_watched ? SLICE("on") : SLICE("off"));
}

static const struct setting {
    const char *name;
    void (*add)(const struct snapshot *snapshot, struct text *out); /* nothing: "none" */
    const char *note;
} SETTINGS[] = {
    {"trusted_proxies", add_trusted_proxies, NULL},
    {"resolvers", add_resolvers, NULL},
    {"http2", add_http2, "for new connections"},
    {"watch", add_watch, NULL},
    {"log.level", add_level, NULL},
    {"log.access.to", add_access_to, NULL},
    {"log.access.format", add_access_format, NULL},
    {"workers", add_workers, "at the next start"},
    {"user", add_user, "at the next start"},
    {"sandbox", add_sandbox, "at the next start"},
    {"admin.listen", add_admin, "at the next start"},
};

static void compare(const struct setting *setting, const struct snapshot *before,
                    const struct snapshot *after, struct text *out)
{
    struct text was = {0}, is = {0};

    setting->add(before, &was);
    setting->add(after, &is);
    if (!slice_eq(text_slice(&was), text_slice(&is)))
        say(out, setting->name, was.len ? text_slice(&was) : SLICE("none"),
            is.len ? text_slice(&is) : SLICE("none"), setting->note);
    text_fini(&was);
    text_fini(&is);
}

/* Never the secret itself. */
static void compare_secret(const struct snapshot *before, const struct snapshot *after, struct text *out)
{
    const struct slice was = before->sticky_secret, is = after->sticky_secret;
    struct change_line line = {.out = out, .noun = "setting", .name = SLICE("state")};

    if (was.len && is.len && !slice_eq(was, is))
        change_line_say(&line, SLICE("another secret, so that sticky cookies of before do not count"));
    change_line_end(&line);
}

void changes_of_settings(const struct snapshot *before, const struct snapshot *after, struct text *out)
{
    numbers_compare(&(struct change_numbers){.section = SECTION_timeouts,
                                             .before = &before->timeouts,
                                             .after = &after->timeouts},
                    say_number, out);
    numbers_compare(&(struct change_numbers){.section = SECTION_limits,
                                             .before = &before->limits,
                                             .after = &after->limits},
                    say_number, out);
    compare_secret(before, after, out);
    for (size_t i = 0; i < ARRAY_LEN(SETTINGS); i++)
        compare(&SETTINGS[i], before, after, out);
}
