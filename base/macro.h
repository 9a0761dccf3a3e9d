/** Small tools of the language: what C17 leaves out and every file needs. */
#ifndef BASE_MACRO_H
#define BASE_MACRO_H

#include <stddef.h>

#define NODISCARD       __attribute__((warn_unused_result))
#define PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))
#define NORETURN        __attribute__((noreturn))
#define LIKELY(x)       __builtin_expect(!!(x), 1)
#define UNLIKELY(x)     __builtin_expect(!!(x), 0)

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/** The struct that has *pointer* as its member. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/** Moves a pointer out of a variable, which is NULL afterwards: ownership that can be seen. */
#define TAKE(variable)                                                                                       \
    __extension__({                                                                                          \
        __typeof__(variable) taken_ = (variable);                                                            \
        (variable) = NULL;                                                                                   \
        taken_;                                                                                              \
    })

/** Ends the process with the place and the broken promise: for our own mistakes, never for a peer's. */
#define ASSERT(promise)                                                                                      \
    do {                                                                                                     \
        if (UNLIKELY(!(promise)))                                                                            \
            assert_failed(#promise, __FILE__, __LINE__);                                                     \
    } while (0)

NORETURN void assert_failed(const char *promise, const char *file, int line);

/** A struct that travels as `void *` starts with `unsigned magic`, set by MAGIC_SET() and checked by CAST().
 */
#define MAGIC_SET(object, name) ((object)->magic = name##_MAGIC)
#define CAST(type, name, pointer)                                                                            \
    __extension__({                                                                                          \
        struct type *cast_ = (pointer);                                                                      \
        ASSERT(cast_ && cast_->magic == name##_MAGIC);                                                       \
        cast_;                                                                                               \
    })

#endif
