#include "net/file_watch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/net/party.h"

/* A directory of its own, which is also the current one. */
struct desk {
    struct loop *loop;
    struct file_watch *watch;
    char directory[64];
    char first[256]; /* what the last call said */
    int calls;
};

static void on_changed(void *owner, const char *path)
{
    struct desk *desk = owner;

    desk->calls++;
    snprintf(desk->first, sizeof(desk->first), "%s", path);
}

static void desk_init(struct desk *desk)
{
    *desk = (struct desk){.loop = test_loop(), .directory = "/tmp/portico-unit-XXXXXX"};
    cr_assert_not_null(mkdtemp(desk->directory));
    cr_assert_eq(chdir(desk->directory), 0);
    desk->watch = file_watch_new(desk->loop, 16, on_changed, desk);
}

static void desk_fini(struct desk *desk)
{
    char command[128];

    file_watch_free(desk->watch);
    loop_free(desk->loop);
    snprintf(command, sizeof(command), "rm -r %s", desk->directory);
    cr_assert_eq(system(command), 0);
}

static void put(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    fputs(content, file);
    fclose(file);
}

static bool holds_txt(struct slice name)
{
    return slice_ends(name, SLICE(".txt"));
}

static void set(struct desk *desk, const char *path, bool (*holds)(struct slice name))
{
    const struct file_place place = {path, holds};

    file_watch_set(desk->watch, NULL, 0, 0); /* and what is on its way comes to nobody */
    settle(desk->loop);
    desk->calls = 0;
    file_watch_set(desk->watch, &place, 1, INT64_MAX); /* nothing was read */
}

/* What changes afterwards is told: so what was to be told before has been. */
static void expect_silence(struct desk *desk, const char *path)
{
    cr_assert_eq(desk->calls, 0, "%s", desk->first);
    put(path, "a change that counts");
    RUN_UNTIL(desk->loop, desk->calls == 1);
    cr_expect_not_null(strstr(desk->first, path), "%s", desk->first);
}

static void expect_told(struct desk *desk, const char *what)
{
    RUN_UNTIL(desk->loop, desk->calls > 0);
    cr_expect_not_null(strstr(desk->first, what), "%s", desk->first);
}

Test(file_watch, tells_of_the_file_and_of_no_other)
{
    struct desk desk;

    desk_init(&desk);
    put("file", "1");
    put("other", "1");
    set(&desk, "file", NULL);
    put("other", "2");
    put("third", "3");
    expect_silence(&desk, "file");
    desk_fini(&desk);
}

Test(file_watch, changes_that_come_together_are_told_once)
{
    struct desk desk;
    char content[16];

    desk_init(&desk);
    put("file", "1");
    set(&desk, "file", NULL);
    for (int i = 0; i < 20; i++) {
        snprintf(content, sizeof(content), "%d", i);
        put("file", content);
    }
    RUN_UNTIL(desk.loop, desk.calls > 0);
    desk.calls = 0;
    settle(desk.loop);
    expect_silence(&desk, "file");
    desk_fini(&desk);
}

Test(file_watch, each_part_of_the_way_counts)
{
    struct desk desk;

    desk_init(&desk);
    mkdir("one", 0755);
    mkdir("one/two", 0755);
    mkdir("other", 0755);
    put("one/two/file", "1");
    cr_assert_eq(symlink("../one/./two", "other/link") + symlink("other/link", "door"), 0);

    set(&desk, "./door/file", NULL);
    put("one/two/file", "2");
    expect_told(&desk, "one/two/file");
    set(&desk, "./door/file", NULL);
    rename("one/two", "one/three");
    expect_told(&desk, "one/two");
    rename("one/three", "one/two");
    set(&desk, "./door/file", NULL);
    rename("other/link", "other/gone");
    expect_told(&desk, "other/link");
    set(&desk, "./door/file", NULL);
    rename("other/gone", "other/link");
    expect_told(&desk, "other/link");
    set(&desk, "./door/file", NULL);
    unlink("door");
    expect_told(&desk, "door");
    desk_fini(&desk);
}

Test(file_watch, absolute_links_and_circles)
{
    struct desk desk;
    char target[128];

    desk_init(&desk);
    snprintf(target, sizeof(target), "%s/file", desk.directory);
    put("file", "1");
    cr_assert_eq(symlink(target, "link") + symlink("round", "round"), 0);
    set(&desk, "link", NULL);
    put("file", "2");
    expect_told(&desk, target);
    set(&desk, "round", NULL);
    unlink("round");
    expect_told(&desk, "round");
    desk_fini(&desk);
}

Test(file_watch, of_a_directory_tells_of_the_names_that_it_holds)
{
    struct desk desk;

    desk_init(&desk);
    mkdir("folder", 0755);
    put("elsewhere", "1");
    cr_assert_eq(symlink("../elsewhere", "folder/link.txt"), 0);
    set(&desk, "folder", holds_txt);
    put("folder/log", "1");
    expect_silence(&desk, "folder/new.txt");
    set(&desk, "folder", holds_txt);
    put("elsewhere", "2");
    expect_told(&desk, "elsewhere");
    set(&desk, "folder", holds_txt);
    unlink("folder/new.txt");
    expect_told(&desk, "folder/new.txt");
    desk_fini(&desk);
}

Test(file_watch, what_changed_since_the_files_were_read_is_told)
{
    struct desk desk;
    const struct file_place place = {"file", NULL};
    int64_t since;

    desk_init(&desk);
    put("file", "1");
    since = file_watch_now();
    put("file", "2"); /* before anything is watched */
    file_watch_set(desk.watch, &place, 1, since);
    expect_told(&desk, "file");
    desk.calls = 0;
    file_watch_set(desk.watch, &place, 1, INT64_MAX);
    expect_silence(&desk, "file");
    desk_fini(&desk);
}

Test(file_watch, that_watches_nothing_any_more_is_silent)
{
    struct desk desk;

    desk_init(&desk);
    put("file", "1");
    set(&desk, "file", NULL);
    put("file", "2");
    for (unsigned i = 0; i < 5; i++)
        run_a_little(desk.loop);
    file_watch_set(desk.watch, NULL, 0, 0);
    desk.calls = 0;
    put("file", "3");
    set(&desk, "other", NULL);
    expect_silence(&desk, "other");
    desk_fini(&desk);
}
