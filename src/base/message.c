// SPDX-License-Identifier: Apache-2.0
#include "base/message.h"

#include <stdarg.h>
#include <stdio.h>

qc_error qc__fail(qc_message *why, qc_error code, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return code;
}
