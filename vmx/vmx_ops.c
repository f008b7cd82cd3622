/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/hvops.h"
#include "kernel/abi/status.h"
static int vmx_probe(const char *options, struct hv_report *report) { (void)options; report->reason[0] = 0; return E_UNSUPPORTED; }
const struct hv_ops vmx_ops = { .name = "VMX", .probe = vmx_probe };
