// SPDX-License-Identifier: Apache-2.0
// The header compiles as C++, and its functions have C linkage.
#include <quadcone.h>

int main()
{
    return qc_version()[0] == '0' && qc_isa_name(0) != nullptr ? 0 : 1;
}
