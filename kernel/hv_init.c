/* SPDX-License-Identifier: GPL-2.0-only */
/* Chooses the backend, once, and turns virtualisation on, on every processor. */
#include "kernel/hv_init.h"

#include "kernel/abi/status.h"
#include "kernel/hvops.h"
#include "kernel/log.h"
#include "lib/format.h"
#include "lib/text.h"

const struct hv_ops *hv;
uint32_t hv_caps;

static const struct hv_ops *const backends[] = { &svm_ops, &vmx_ops };

int hv_init(const char *cmdline, char *why, size_t bytes)
{
	struct hv_report report;
	char options[128];

	format(why, bytes, "This processor has neither %s nor %s, and Bulkhead needs one.", backends[0]->title,
	       backends[1]->title);
	for (unsigned i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		bool has = text_option(cmdline, backends[i]->option, options, sizeof(options));

		if (backends[i]->probe(has ? options : NULL, &report) == 0) {
			hv = backends[i];
			hv_caps = report.caps;
			log_line("hv", "%s, %s pages up to %s; optional: %s", hv->name, hv->npt->name,
				 (hv_caps & HV_CAP_PAGE_1G) != 0 ? "1G" : "2M", report.features[0] ? report.features : "none");
			return 0;
		}
		if (report.reason[0] != '\0')
			format(why, bytes, "%s", report.reason);
	}
	return E_UNSUPPORTED;
}
