// SPDX-License-Identifier: Apache-2.0
#ifndef QC_BASE_CLOCK_H
#define QC_BASE_CLOCK_H

/* Seconds since some fixed moment; never goes backwards. */
double qc__clock_seconds(void);

#endif
