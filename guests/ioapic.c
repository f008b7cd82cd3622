/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 82093AA I/O APIC with 24 inputs, version 0x20: with the EOI register, so that the local APICs
 * need no directed EOI. An input is "asserted" or not; the polarity bit is kept and not obeyed,
 * since a virtual line has no voltage. Facts from [82093AA] and [ICH9 "APIC Registers"].
 */
#include "guests/chips.h"

#define PINS    24
#define VERSION (0x20 | (PINS - 1) << 16)

enum { IOREGSEL = 0x00, IOWIN = 0x10, EOIR = 0x40 }; /* offsets in the window */
enum { REG_ID = 0, REG_VERSION = 1, REG_ARBITRATION = 2, REG_TABLE = 0x10 };

#define RTE_VECTOR     0xffULL
#define RTE_MODE_SHIFT 8 /* delivery mode, 3 bits */
#define RTE_LOGICAL    (1ULL << 11)
#define RTE_PENDING    (1ULL << 12) /* delivery status: always idle here */
#define RTE_REMOTE_IRR (1ULL << 14)
#define RTE_LEVEL      (1ULL << 15)
#define RTE_MASKED     (1ULL << 16)
#define RTE_READ_ONLY  (RTE_PENDING | RTE_REMOTE_IRR)
#define RTE_WRITABLE   (0xff0000000001ffffULL & ~RTE_READ_ONLY)
#define RTE_DEST_SHIFT 56

enum {
	MODE_FIXED = 0,
	MODE_LOWEST = 1,
	MODE_SMI = 2,
	MODE_NMI = 4,
	MODE_INIT = 5,
	MODE_EXTINT = 7
};

struct ioapic {
	uint64_t rte[PINS];
	uint32_t lines; /* levels of the inputs */
	uint8_t sent[PINS]; /* vector of the message in service, when remote IRR is set */
	uint8_t select, id;
};

/* Only fixed and lowest-priority messages have an acknowledge; the others are edges always. */
static bool rte_is_level(uint64_t rte)
{
	unsigned mode = (rte >> RTE_MODE_SHIFT) & 7;

	return (rte & RTE_LEVEL) && (mode == MODE_FIXED || mode == MODE_LOWEST);
}

/* One message to the local APICs, in the form of [SDM3 "Message Signalled Interrupts"]. */
static void ioapic_send(struct vdev *d, uint64_t rte)
{
	uint64_t address = 0xfee00000 | (rte >> RTE_DEST_SHIFT) << 12;
	unsigned mode = (rte >> RTE_MODE_SHIFT) & 7;
	uint32_t data = (uint32_t)(rte & RTE_VECTOR) | mode << 8;

	if (rte & RTE_LOGICAL)
		address |= 1 << 2;
	if (mode == MODE_LOWEST)
		address |= 1 << 3;
	if (rte_is_level(rte))
		data |= 1 << 15 | 1 << 14;
	d->host->msi(d, address, data);
}

/* Sends for a level-triggered input that is asserted, unmasked and not in service. */
static void ioapic_service(struct vdev *d, unsigned pin)
{
	struct ioapic *s = d->state;
	uint64_t rte = s->rte[pin];

	if (!rte_is_level(rte) || (rte & (RTE_MASKED | RTE_REMOTE_IRR)) || !(s->lines & 1u << pin))
		return;
	s->rte[pin] |= RTE_REMOTE_IRR;
	s->sent[pin] = rte & RTE_VECTOR;
	ioapic_send(d, rte);
}

static void ioapic_line(struct vdev *d, unsigned pin, bool level)
{
	struct ioapic *s = d->state;
	uint32_t bit;
	bool rising;

	if (pin >= PINS)
		return;
	bit = 1u << pin;
	rising = level && !(s->lines & bit);
	s->lines = level ? s->lines | bit : s->lines & ~bit;
	if (rte_is_level(s->rte[pin]))
		ioapic_service(d, pin);
	else if (rising && !(s->rte[pin] & RTE_MASKED)) /* a masked edge is lost, as in hardware */
		ioapic_send(d, s->rte[pin]);
}

/*
 * Ends the service of the inputs with that vector; one that is still asserted sends again. An entry
 * that the guest has given another vector while in service is ended by either: by the old one,
 * which the processor will EOI (hardware forgets it, and the input is stuck until software toggles
 * its trigger mode), and by the new one, which is what hardware compares.
 */
static void ioapic_eoi(struct vdev *d, uint8_t vector)
{
	struct ioapic *s = d->state;

	for (unsigned pin = 0; pin < PINS; pin++) {
		uint64_t rte = s->rte[pin];

		if (!(rte & RTE_REMOTE_IRR) ||
		    (s->sent[pin] != vector && (rte & RTE_VECTOR) != vector))
			continue;
		s->rte[pin] = rte & ~RTE_REMOTE_IRR;
		ioapic_service(d, pin);
	}
}

static void ioapic_table_write(struct vdev *d, unsigned pin, bool high, uint32_t value)
{
	struct ioapic *s = d->state;
	uint64_t old = s->rte[pin], rte;

	if (high)
		rte = (old & 0xffffffff) | (uint64_t)value << 32;
	else
		rte = (old & ~0xffffffffULL) | value;
	rte = (rte & RTE_WRITABLE) | (old & RTE_REMOTE_IRR);
	/* Edge mode has no remote IRR: software clears a stuck one by going to edge and back. */
	if (!rte_is_level(rte))
		rte &= ~RTE_REMOTE_IRR;
	s->rte[pin] = rte;
	ioapic_service(d, pin);
}

static uint32_t ioapic_register(const struct ioapic *s)
{
	unsigned pin = (s->select - REG_TABLE) / 2u;

	switch (s->select) {
	case REG_ID:
	case REG_ARBITRATION:
		return (uint32_t)s->id << 24;
	case REG_VERSION:
		return VERSION;
	default:
		if (s->select < REG_TABLE || pin >= PINS)
			return 0;
		return (uint32_t)(s->select & 1 ? s->rte[pin] >> 32 : s->rte[pin]);
	}
}

static uint64_t ioapic_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	const struct ioapic *s = d->state;

	(void)region;
	(void)bytes;
	switch (offset) {
	case IOREGSEL:
		return s->select;
	case IOWIN:
		return ioapic_register(s);
	default:
		return 0;
	}
}

static void ioapic_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			 uint64_t value)
{
	struct ioapic *s = d->state;
	unsigned pin;

	(void)region;
	(void)bytes;
	switch (offset) {
	case IOREGSEL:
		s->select = (uint8_t)value;
		break;
	case IOWIN:
		pin = (s->select - REG_TABLE) / 2u;
		if (s->select == REG_ID)
			s->id = (value >> 24) & 0xf;
		else if (s->select >= REG_TABLE && pin < PINS)
			ioapic_table_write(d, pin, s->select & 1, (uint32_t)value);
		break;
	case EOIR:
		ioapic_eoi(d, (uint8_t)value);
		break;
	default:
		break;
	}
}

static void ioapic_reset(struct vdev *d)
{
	struct ioapic *s = d->state;

	*s = (struct ioapic){ 0 };
	for (unsigned pin = 0; pin < PINS; pin++)
		s->rte[pin] = RTE_MASKED;
}

const struct vdev_class ioapic_class = {
	.name = "82093AA",
	.state_bytes = sizeof(struct ioapic),
	.version = 1,
	.lines_in = PINS,
	.reset = ioapic_reset,
	.read = ioapic_read,
	.write = ioapic_write,
	.line = ioapic_line,
	.eoi = ioapic_eoi,
};
