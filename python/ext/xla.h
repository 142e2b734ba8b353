// SPDX-License-Identifier: Apache-2.0
/*
 * xla.h -- a custom call of XLA's typed foreign function interface, as it lies in memory.
 *
 * A handler needs this binary interface and nothing else of XLA, so that the module is built where
 * JAX is not installed, and one build serves all versions of JAX that speak the versions below.
 * tests/python/test_jax_interface.py compares these structures with the header that JAX ships.
 * Every structure starts with its size and a list of extensions.
 */
#ifndef QUADCONE_EXT_XLA_H
#define QUADCONE_EXT_XLA_H

#include <stddef.h>
#include <stdint.h>

/* The versions in which all of this is the same. */
enum { XLA_MAJOR = 0, XLA_MINOR_FIRST = 1, XLA_MINOR_LAST = 3 };

typedef enum xla_type { XLA_INT64 = 5, XLA_UINT32 = 8, XLA_F32 = 11, XLA_F64 = 12 } xla_type;
typedef enum xla_attribute_kind { XLA_ATTRIBUTE_ARRAY = 1 } xla_attribute_kind;
typedef enum xla_stage { XLA_STAGE_EXECUTE = 3 } xla_stage;
typedef enum xla_code {
    XLA_INVALID_ARGUMENT = 3,
    XLA_RESOURCE_EXHAUSTED = 8,
    XLA_UNIMPLEMENTED = 12,
    XLA_INTERNAL = 13,
} xla_code;

typedef struct xla_extension {
    size_t size;
    enum { XLA_EXTENSION_METADATA = 1 } kind;
    struct xla_extension *next;
} xla_extension;

typedef struct xla_version {
    size_t size;
    xla_extension *extensions;
    int major, minor;
} xla_version;

/* What a handler says of itself when it is asked through an extension of a call. */
typedef struct xla_metadata {
    size_t size;
    xla_version version;
    uint32_t traits;
} xla_metadata;

typedef struct xla_metadata_extension {
    xla_extension base;
    xla_metadata *metadata;
} xla_metadata_extension;

typedef struct xla_error xla_error; /* a handler's answer; NULL: all is well */

typedef struct xla_error_request {
    size_t size;
    xla_extension *extensions;
    const char *message;
    xla_code code;
} xla_error_request;

/* The first of the functions that XLA offers. */
typedef struct xla_api {
    size_t size;
    xla_extension *extensions;
    xla_version version;
    const void *internal;
    xla_error *(*create_error)(xla_error_request *request);
} xla_api;

typedef struct xla_buffer {
    size_t size;
    xla_extension *extensions;
    xla_type type;
    void *data;
    int64_t rank;
    int64_t *dims;
} xla_buffer;

/* Operands, and results. */
typedef struct xla_buffers {
    size_t size;
    xla_extension *extensions;
    int64_t count;
    int *kinds; /* one is a buffer, and there is no other */
    xla_buffer **items;
} xla_buffers;

typedef struct xla_text {
    const char *start;
    size_t length;
} xla_text;

typedef struct xla_array {
    xla_type type;
    size_t length;
    void *data;
} xla_array;

typedef struct xla_attributes {
    size_t size;
    xla_extension *extensions;
    int64_t count;
    xla_attribute_kind *kinds;
    xla_text **names;
    void **items;
} xla_attributes;

typedef struct xla_call {
    size_t size;
    xla_extension *extensions;
    const xla_api *api;
    void *context;
    xla_stage stage;
    xla_buffers operands, results;
    xla_attributes attributes;
} xla_call;

#endif
