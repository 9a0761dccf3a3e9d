#include "e2e/turns.h"

#include <criterion/criterion.h>
#include <string.h>

void servers_start(struct server **servers, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        servers[i] = server_start(names[i], SERVER_ANSWERS);
}

char *turn_with(int port, const char *fields)
{
    struct answer answer = ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\n%s\r\n", fields);

    return answer.status == 200 ? answer.body : scene_text("%s", "");
}

int turns_of(int port, int requests, const char *name)
{
    int turns = 0;

    for (int i = 0; i < requests; i++) {
        struct answer answer = get(port, "a.test", "/");

        cr_assert_eq(answer.status, 200, "request %d got %d: %s", i, answer.status, answer.body);
        turns += strcmp(answer.body, name) == 0;
    }
    return turns;
}

bool turns_all(int port, int requests, const char *name)
{
    for (int i = 0; i < requests; i++) {
        if (strcmp(turn_with(port, ""), name) != 0)
            return false;
    }
    return true;
}
