// SPDX-License-Identifier: Apache-2.0
/* message.h -- a sentence for the caller about what went wrong. */
#ifndef QC_BASE_MESSAGE_H
#define QC_BASE_MESSAGE_H

#include "quadcone.h"

/* Writes the sentence into `why` (or nowhere: NULL) and returns `code`, so that a check reads
 * `return qc__fail(why, QC_ERROR_ARGUMENT, ...)`. */
qc_error qc__fail(qc_message *why, qc_error code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
