/* corpus_seeds DIRECTORY: writes every row of the corpus there as seeds of the fuzz targets, a folder for each
 * target, one file for each row, behind the bytes that the target reads its choices from (fuzz/prefix.h). These
 * differ from row to row, so that all choices are tried. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus/cases.h"
#include "fuzz/prefix.h"

enum { PATH_SIZE = 4096 };

static const char *directory;

static void fail(const char *path)
{
    fprintf(stderr, "corpus_seeds: %s: %s\n", path, strerror(errno));
    exit(1);
}

static void path_of(char *path, const char *target, const char *kind, size_t number)
{
    int len = kind ? snprintf(path, PATH_SIZE, "%s/%s/%s-%zu", directory, target, kind, number)
                   : snprintf(path, PATH_SIZE, "%s/%s", directory, target);

    if (len < 0 || len >= PATH_SIZE) {
        errno = ENAMETOOLONG;
        fail(directory);
    }
}

static void write_seed(const char *target, const char *kind, size_t number, const char *prefix,
                       size_t prefix_len, const char *bytes, size_t len)
{
    char path[PATH_SIZE];
    FILE *file;

    path_of(path, target, kind, number);
    file = fopen(path, "wb");
    if (!file || fwrite(prefix, 1, prefix_len, file) != prefix_len || fwrite(bytes, 1, len, file) != len ||
        fclose(file) != 0)
        fail(path);
}

/** Where to cut: another place for each row. */
static char size_byte(size_t number)
{
    return (char)(number * 37 % 256);
}

/* ---- requests ---- */

/** What stands between *from* and *to* behind it; NULL: nothing does. */
static const char *part_between(const char *bytes, size_t len, const char *from, const char *to,
                                size_t *part_len)
{
    const char *start = memmem(bytes, len, from, strlen(from)), *end;

    if (!start)
        return NULL;
    start += strlen(from);
    end = memmem(start, len - (size_t)(start - bytes), to, strlen(to));
    *part_len = end ? (size_t)(end - start) : len - (size_t)(start - bytes);
    return start;
}

static void seed_part(const struct request_case *row, size_t number, const char *kind, const char *from)
{
    size_t len;
    const char *part = part_between(row->bytes, row->len, from, kind[0] == 't' ? " " : "\r\n", &len);

    if (part)
        write_seed("url_host_path", kind, number, NULL, 0, part, len);
}

static void seed_content(const struct request_case *row, size_t number)
{
    const char *content = memmem(row->bytes, row->len, "\r\n\r\n", 4), prefix[] = {size_byte(number)};

    if (content && memmem(row->bytes, (size_t)(content - row->bytes), "hunked", 6))
        write_seed("chunked", "request", number, prefix, sizeof prefix, content + 4,
                   row->len - (size_t)(content + 4 - row->bytes));
}

static void seed_request(const struct request_case *row, size_t number)
{
    const char head_prefix[] = {size_byte(number)};
    const char stream_prefix[] = {(char)(number % (2 * REQUESTS_UPGRADE)), size_byte(number)};

    write_seed("h1_request", "request", number, head_prefix, sizeof head_prefix, row->bytes, row->len);
    write_seed("request_stream", "request", number, stream_prefix, sizeof stream_prefix, row->bytes,
               row->len);
    seed_content(row, number);
    seed_part(row, number, "target", " ");
    seed_part(row, number, "host", "Host: ");
}

/* ---- answers ---- */

static unsigned question_of(const struct answer_case *row)
{
    unsigned bits = row->is_early ? ANSWER_IS_EARLY : 0;

    if (strstr(row->request, "Upgrade: websocket"))
        bits |= ANSWER_TO_UPGRADE;
    else if (strncmp(row->request, "HEAD ", 5) == 0)
        bits |= ANSWER_TO_HEAD;
    else if (strncmp(row->request, "POST ", 5) == 0)
        bits |= ANSWER_TO_POST;
    return row->end == ANSWER_KEEPS ? bits : bits | ANSWER_ENDS;
}

static unsigned head_question_of(unsigned bits)
{
    bits &= ANSWER_TO_UPGRADE;
    return bits == ANSWER_TO_UPGRADE ? HEAD_OF_UPGRADE : bits == ANSWER_TO_HEAD ? HEAD_OF_HEAD : 0;
}

static void seed_answer(const struct answer_case *row, size_t number)
{
    const unsigned bits = question_of(row);
    const char stream_prefix[] = {(char)(bits | number % (2 * STREAM_LATER_ANSWERS)), size_byte(number)};
    const char head_prefix[] = {size_byte(number),
                                (char)(head_question_of(bits) | (number % 2 ? HEAD_BYTE_BY_BYTE : 0))};

    write_seed("answer_stream", "answer", number, stream_prefix, sizeof stream_prefix, row->bytes, row->len);
    write_seed("h1_answer", "answer", number, head_prefix, sizeof head_prefix, row->bytes, row->len);
}

/* ---- all ---- */

static void make_folders(void)
{
    static const char *const targets[] = {"",          "h1_request",    "request_stream", "chunked",
                                          "h1_answer", "answer_stream", "url_host_path"};
    char path[PATH_SIZE];

    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        path_of(path, targets[i], NULL, 0);
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            fail(path);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: corpus_seeds DIRECTORY\n", stderr);
        return 2;
    }
    directory = argv[1];
    make_folders();
    for (size_t i = 0; i < request_cases_count; i++)
        seed_request(&request_cases[i], i);
    for (size_t i = 0; i < answer_cases_count; i++)
        seed_answer(&answer_cases[i], i);
    return 0;
}
