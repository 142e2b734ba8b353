# SPDX-License-Identifier: Apache-2.0
def plot(found, folder): pass
def section(found, pictures): return ""
