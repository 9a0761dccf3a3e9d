#include "http/answer.h"

#include "base/macro.h"

/* More than our own answers ever have. */
enum { ANSWER_FIELDS_MAX = 32 };

void answer_give(struct http_end *front, const struct answer *answer)
{
    struct field items[ANSWER_FIELDS_MAX];
    struct head head = {.status = answer->status, .major = 1, .minor = 1};
    size_t count = answer->fields.count;

    ASSERT(count < ANSWER_FIELDS_MAX);
    if (count)
        memcpy(items, answer->fields.items, count * sizeof(*items));
    if (answer->content_type.len)
        items[count++] = (struct field){
            .name = SLICE("Content-Type"), .value = answer->content_type, .id = FIELD_CONTENT_TYPE};
    head.fields = (struct fields){.items = items, .count = count, .cap = ANSWER_FIELDS_MAX};
    head.body = answer->body.len ? BODY_LENGTH : BODY_NONE;
    head.length = answer->body.len;
    head.has_length = true;
    head.ends_connection = answer->ends_connection;
    head.comes_whole = true;
    front->ops->head(front, &head, answer->body.len == 0);
    if (answer->body.len)
        front->ops->data(front, answer->body, true);
}
