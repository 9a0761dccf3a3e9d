#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/log_writer.h"

static char *read_file(const char *path)
{
    static char content[64 * 1024];
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(content, 1, sizeof(content) - 1, file) : 0;

    content[n] = '\0';
    if (file)
        fclose(file);
    return content;
}

static bool file_comes_to_say(const char *path, const char *text)
{
    for (int ms = 0; ms < 5000; ms++) {
        if (strstr(read_file(path), text))
            return true;
        usleep(1000);
    }
    return false;
}

static struct log_writer *writer_to(const char *path)
{
    struct log_writer *writer = NULL;
    struct error error;

    cr_assert_eq(log_writer_open(slice_str(path), &writer, &error), 0, "%s", error.text);
    cr_assert_eq(log_writer_start(writer, &error), 0, "%s", error.text);
    return writer;
}

Test(log_writer, lines_of_a_channel_are_written_in_order_before_it_closes)
{
    char path[] = "/tmp/portico-log-XXXXXX";
    struct log_writer *writer;
    struct log_channel *channel;

    close(mkstemp(path));
    writer = writer_to(path);
    channel = log_writer_channel(writer);
    log_channel_add(channel, SLICE("one\n"));
    log_channel_add(channel, SLICE("two\n"));
    log_writer_close(writer);
    cr_assert_str_eq(read_file(path), "one\ntwo\n");
    unlink(path);
}

Test(log_writer, a_full_channel_drops_lines_and_counts_them)
{
    struct log_writer *writer;
    struct log_channel *channel;
    struct error error;
    int ends[2];
    static char line[64 * 1024];

    signal(SIGPIPE, SIG_IGN); /* as the service does */
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    cr_assert_eq(pipe(ends), 0); /* nobody reads: the writer's thread hangs in write(2) */
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(log_writer_open(SLICE("stderr"), &writer, &error), 0);
    cr_assert_eq(log_writer_start(writer, &error), 0);
    channel = log_writer_channel(writer);
    for (int i = 0; i < 100; i++)
        log_channel_add(channel, slice_of(line, sizeof(line)));
    cr_assert_gt(log_writer_dropped(writer), 50);
    close(ends[0]);
    log_writer_close(writer);
}

Test(log_writer, reopening_goes_on_in_a_new_file)
{
    char path[] = "/tmp/portico-log-XXXXXX", old[64];
    struct log_writer *writer;
    struct log_channel *channel;
    struct error error;

    close(mkstemp(path));
    snprintf(old, sizeof(old), "%s.1", path);
    writer = writer_to(path);
    channel = log_writer_channel(writer);
    cr_assert_eq(rename(path, old), 0);
    cr_assert_eq(log_writer_reopen(writer, slice_str(path), &error), 0);
    log_writer_close(writer);
    (void)channel;
    cr_assert_eq(access(path, F_OK), 0);
    unlink(path);
    unlink(old);
}

/* Many times, for the thread may be anywhere in its round. */
Test(log_writer, what_is_logged_behind_a_reopening_is_in_the_new_file)
{
    char path[] = "/tmp/portico-log-XXXXXX", old[64];
    struct log_writer *writer;
    struct log_channel *channel;
    struct error error;

    close(mkstemp(path));
    snprintf(old, sizeof(old), "%s.1", path);
    writer = writer_to(path);
    channel = log_writer_channel(writer);
    for (int i = 0; i < 200; i++) {
        char line[32];

        snprintf(line, sizeof(line), "behind %d\n", i);
        log_channel_add(channel, SLICE("before\n"));
        cr_assert_eq(rename(path, old), 0);
        cr_assert_eq(log_writer_reopen(writer, slice_str(path), &error), 0);
        log_channel_add(channel, slice_str(line));
        cr_assert(file_comes_to_say(path, line), "not in the new file: %s", line);
        cr_assert_null(strstr(read_file(old), line), "in the old file: %s", line);
    }
    log_writer_close(writer);
    unlink(path);
    unlink(old);
}

Test(log_writer, what_was_logged_before_off_is_written)
{
    char path[] = "/tmp/portico-log-XXXXXX";
    struct log_writer *writer;
    struct log_channel *channel;
    struct error error;

    close(mkstemp(path));
    writer = writer_to(path);
    channel = log_writer_channel(writer);
    log_channel_add(channel, SLICE("one\n"));
    cr_assert_eq(log_writer_reopen(writer, SLICE("off"), &error), 0);
    log_writer_close(writer);
    cr_assert_str_eq(read_file(path), "one\n");
    unlink(path);
}

Test(log_writer, a_directory_that_is_missing_is_said)
{
    struct log_writer *writer = NULL;
    struct error error;

    cr_assert_eq(log_writer_open(SLICE("/nowhere/at/all.log"), &writer, &error), -1);
    cr_assert_str_eq(error.text, "the log /nowhere/at/all.log cannot be opened: No such file or directory");
    cr_assert_null(writer);
}

Test(log_writer, off_takes_no_lines)
{
    struct log_writer *writer = writer_to("off");

    cr_assert_not(log_channel_is_on(log_writer_channel(writer)));
    log_writer_close(writer);
}
