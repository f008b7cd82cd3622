/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: svm/svm_run.c svm/svm_event.c svm/svm_regs.c svm/svm_vcpu.c lib/format.c */
/*
 * Address-space tags on a made-up TLB: more vCPUs than tags run, move between two processors and ask for flushes in
 * any order. What an entry leaves under its tag may be found by the same vCPU only, and not after it asked for a flush.
 */
#include <asm/prctl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/hvops.h"
#include "kernel/log.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "svm/svm.h"
#include "tests/unit/unit.h"

enum { CPUS = 2, TAGS = 8, VCPUS = 20 };

struct svm_box svm_box;
static struct percpu percpus[CPUS];
static struct svm_cpu cpus[CPUS];
static struct svm_vcpu vcpus[VCPUS];
static struct vmcb vmcbs[VCPUS];
static unsigned wanted[VCPUS]; /* how often each has asked for a flush */

/* The TLB: whose translations, and of which time, are under each tag; 0: nobody's. */
static unsigned owner[CPUS][TAGS], since[CPUS][TAGS];
static unsigned stale, outside, flushed_all;

struct svm_cpu *svm_cpu_self(void) { return &cpus[cpu_index()]; }
void svm_vmsave(uint64_t hpa) { (void)hpa; }
void log_line(const char *part, const char *fmt, ...) { (void)part, (void)fmt; }
void *pool_page(struct space *s) { return (void)s, NULL; }
void pool_page_free(struct space *s, void *page) { (void)s, (void)page; }
hpa_t pool_hpa(const void *page) { return (hpa_t){ (uintptr_t)page }; }
const char svm_vmrun_end[1];

void svm_enter(struct svm_vcpu *s, uint64_t vmcb_hpa, uint64_t host_hpa)
{
	unsigned cpu = cpu_index(), tag = s->vmcb->asid, me = (unsigned)(s - vcpus) + 1;

	(void)vmcb_hpa, (void)host_hpa;
	s->vmcb->exit_code = SVM_EXIT_INTR;
	if (tag == 0 || tag >= TAGS) {
		outside++;
		return;
	}
	if (s->vmcb->tlb_control == SVM_TLB_FLUSH_ALL) {
		memset(owner[cpu], 0, sizeof(owner[cpu]));
		flushed_all++;
	} else if (s->vmcb->tlb_control == SVM_TLB_FLUSH_TAG) {
		owner[cpu][tag] = 0;
	}
	if (owner[cpu][tag] != 0 && (owner[cpu][tag] != me || since[cpu][tag] != wanted[me - 1]))
		stale++;
	owner[cpu][tag] = me;
	since[cpu][tag] = wanted[me - 1];
}

static void storm(uint32_t caps)
{
	svm_box = (struct svm_box){ .caps = caps, .asids = TAGS };
	memset(owner, 0, sizeof(owner));
	stale = outside = flushed_all = 0;
	for (unsigned i = 0; i < CPUS; i++)
		cpus[i] = (struct svm_cpu){ .generation = 1, .asid_next = 1 };
	for (unsigned i = 0; i < VCPUS; i++)
		vcpus[i] = (struct svm_vcpu){ .vmcb = &vmcbs[i], .cpu = ~0U };
	memset(vmcbs, 0, sizeof(vmcbs));
	srandom(1);
	for (unsigned round = 0; round < 200000; round++) {
		unsigned n = (unsigned)random(), cpu = n / 7 % CPUS;
		/* Sometimes more than there are tags take turns, sometimes fewer. */
		struct svm_vcpu *s = &vcpus[n % (round / 500 % 2 ? VCPUS : 5)];

		syscall(SYS_arch_prctl, ARCH_SET_GS, &percpus[cpu]);
		svm_load(&s->v);
		if (n / 64 % 4 == 0) {
			svm_tlb_flush(&s->v);
			wanted[s - vcpus]++;
		}
		(void)svm_run(&s->v);
		svm_put(&s->v);
	}
}

static void no_tag_is_anothers(void)
{
	storm(0);
	CHECK_EQ(outside, 0);
	CHECK_EQ(stale, 0);
	CHECK(flushed_all > 1000);
	storm(HV_CAP_FLUSH_TAG);
	CHECK_EQ(outside, 0);
	CHECK_EQ(stale, 0);
	CHECK(flushed_all > 1000);
}

int main(void)
{
	for (unsigned i = 0; i < CPUS; i++) {
		percpus[i].self = &percpus[i];
		percpus[i].index = i;
	}
	RUN(no_tag_is_anothers);
	return unit_status();
}
