/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 16550A serial port. Its bit rate is a register and nothing more: bytes leave as soon as the
 * host takes them, and arrive as soon as there is room. Facts from [PC16550D].
 */
#include "guests/chips.h"

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { IER_RDA = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_NONE = 1, IIR_MODEM = 0, IIR_THRE = 2, IIR_RDA = 4, IIR_LINE = 6, IIR_TIMEOUT = 12 };
enum { IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64 };
enum { LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI };
enum { MSR_DCTS = 1, MSR_DDSR = 2, MSR_TERI = 4, MSR_DDCD = 8 };
enum { MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128 };

#define FIFO     16
#define RETRY_NS 1000000 /* offer bytes to a host that would not take them */

enum { TIMER_TRANSMIT, TIMERS };

struct ns16550 {
	uint8_t ier, fcr, lcr, mcr, msr, scr, dll, dlm;
	uint8_t errors; /* LSR_ERRORS, until LSR is read */
	uint8_t thre; /* the THRE interrupt is pending */
	uint8_t refused; /* the host was told "no room" */
	uint8_t rx[FIFO], rx_count;
	uint8_t tx[FIFO], tx_count;
};

static unsigned fifo_size(const struct ns16550 *s)
{
	return s->fcr & FCR_ENABLE ? FIFO : 1;
}

/* Received bytes at which the interrupt is raised. */
static unsigned rx_trigger(const struct ns16550 *s)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? level[s->fcr >> 6] : 1;
}

static uint8_t lsr_value(const struct ns16550 *s)
{
	uint8_t lsr = s->errors;

	if (s->rx_count)
		lsr |= LSR_DR;
	if (s->tx_count == 0)
		lsr |= LSR_THRE | LSR_TEMT;
	return lsr;
}

/* The highest-priority interrupt that is enabled and pending; [PC16550D "Interrupt Control"]. */
static uint8_t iir_value(const struct ns16550 *s)
{
	if ((s->ier & IER_LINE) && s->errors)
		return IIR_LINE;
	if ((s->ier & IER_RDA) && s->rx_count >= rx_trigger(s))
		return IIR_RDA;
	/* Bytes below the trigger level: the time-out of four characters passes at once here. */
	if ((s->ier & IER_RDA) && s->rx_count)
		return IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thre)
		return IIR_THRE;
	if ((s->ier & IER_MODEM) && (s->msr & 0x0f))
		return IIR_MODEM;
	return IIR_NONE;
}

/* On a PC, OUT2 gates the interrupt line, and loop-back holds OUT2 off. */
static void ns16550_update(struct vdev *d)
{
	const struct ns16550 *s = d->state;
	bool gate = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	d->host->line(d, 0, gate && iir_value(s) != IIR_NONE);
}

/* A byte arrives from the line or from the loop. Requires room, unless it is to be an overrun. */
static void rx_put(struct ns16550 *s, uint8_t byte)
{
	if (s->rx_count >= fifo_size(s)) {
		s->errors |= LSR_OE;
		if (!(s->fcr & FCR_ENABLE))
			s->rx[0] = byte; /* without FIFO the old character is lost, not the new */
		return;
	}
	s->rx[s->rx_count++] = byte;
}

/* Tells a host that was refused once that there is room, and that the receiver is on the line. */
static void rx_ready(struct vdev *d)
{
	struct ns16550 *s = d->state;

	if (!s->refused || s->rx_count || (s->mcr & MCR_LOOP))
		return;
	s->refused = 0;
	d->host->ready(d, 0);
}

static uint8_t rx_get(struct vdev *d)
{
	struct ns16550 *s = d->state;
	uint8_t byte;

	if (s->rx_count == 0)
		return 0;
	byte = s->rx[0];
	s->rx_count--;
	for (unsigned i = 0; i < s->rx_count; i++)
		s->rx[i] = s->rx[i + 1];
	rx_ready(d);
	return byte;
}

/* Offers what waits to the host; what it does not take is offered again a little later. */
static void tx_drain(struct vdev *d)
{
	struct ns16550 *s = d->state;
	size_t taken;

	if (s->tx_count == 0)
		return;
	taken = d->host->transmit(d, 0, s->tx, s->tx_count);
	if (taken > s->tx_count)
		taken = s->tx_count;
	s->tx_count -= (uint8_t)taken;
	for (unsigned i = 0; i < s->tx_count; i++)
		s->tx[i] = s->tx[i + taken];
	if (s->tx_count)
		d->host->timer(d, TIMER_TRANSMIT, d->host->now(d) + RETRY_NS);
	else
		s->thre = 1;
}

static void tx_put(struct vdev *d, uint8_t byte)
{
	struct ns16550 *s = d->state;

	s->thre = 0;
	if (s->mcr & MCR_LOOP) {
		rx_put(s, byte);
		s->thre = 1;
		return;
	}
	if (s->tx_count >=
	    fifo_size(s)) { /* the guest did not look at THRE: the last one is lost */
		s->tx[s->tx_count - 1] = byte;
		return;
	}
	s->tx[s->tx_count++] = byte;
	tx_drain(d);
}

/* Modem lines: a terminal that is always there; in loop-back, our own outputs. */
static void msr_update(struct ns16550 *s)
{
	uint8_t old = s->msr, level = MSR_CTS | MSR_DSR | MSR_DCD, changed;

	if (s->mcr & MCR_LOOP) {
		level = 0;
		level |= s->mcr & MCR_RTS ? MSR_CTS : 0;
		level |= s->mcr & MCR_DTR ? MSR_DSR : 0;
		level |= s->mcr & MCR_OUT1 ? MSR_RI : 0;
		level |= s->mcr & MCR_OUT2 ? MSR_DCD : 0;
	}
	changed = (old ^ level) & 0xf0;
	/* The ring indicator's delta is for its trailing edge only. */
	if ((changed & MSR_RI) && (level & MSR_RI))
		changed &= (uint8_t)~MSR_RI;
	s->msr = (uint8_t)(level | (old & 0x0f) | changed >> 4);
}

static void fcr_write(struct vdev *d, uint8_t value)
{
	struct ns16550 *s = d->state;
	bool toggled = (value ^ s->fcr) & FCR_ENABLE;

	if (!(value & FCR_ENABLE))
		value &= FCR_CLEAR_RX | FCR_CLEAR_TX; /* the other bits need bit 0 */
	if (toggled || (value & FCR_CLEAR_RX)) {
		s->rx_count = 0;
		rx_ready(d);
	}
	if ((toggled || (value & FCR_CLEAR_TX)) && s->tx_count) {
		s->tx_count = 0;
		s->thre = 1;
		d->host->timer(d, TIMER_TRANSMIT, VDEV_NEVER);
	}
	s->fcr = value & (FCR_ENABLE | 0xc8);
}

static void ier_write(struct ns16550 *s, uint8_t value)
{
	/* Enabling the THRE interrupt while the register is empty raises it at once. */
	if ((value & ~s->ier & IER_THRE) && s->tx_count == 0)
		s->thre = 1;
	s->ier = value & 0x0f;
}

static uint8_t iir_read(struct ns16550 *s)
{
	uint8_t iir = iir_value(s);

	/* The read acknowledges this one, and only when it is the one shown. */
	if (iir == IIR_THRE)
		s->thre = 0;
	return s->fcr & FCR_ENABLE ? iir | IIR_FIFO : iir;
}

static uint64_t ns16550_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	struct ns16550 *s = d->state;
	bool dlab = s->lcr & LCR_DLAB;
	uint8_t value = 0;

	(void)region;
	(void)bytes;
	switch (offset & 7) {
	case RBR_THR:
		value = dlab ? s->dll : rx_get(d);
		break;
	case IER:
		return dlab ? s->dlm : s->ier;
	case IIR_FCR:
		value = iir_read(s);
		break;
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		value = lsr_value(s);
		if (s->errors == 0)
			return value; /* polled by every boot console: nothing can have changed */
		s->errors = 0;
		break;
	case MSR:
		value = s->msr;
		s->msr &= 0xf0;
		break;
	default:
		return s->scr;
	}
	ns16550_update(d);
	return value;
}

static void ns16550_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			  uint64_t value)
{
	struct ns16550 *s = d->state;
	bool dlab = s->lcr & LCR_DLAB;
	uint8_t byte = (uint8_t)value;

	(void)region;
	(void)bytes;
	switch (offset & 7) {
	case RBR_THR:
		if (dlab)
			s->dll = byte;
		else
			tx_put(d, byte);
		break;
	case IER:
		if (dlab)
			s->dlm = byte;
		else
			ier_write(s, byte);
		break;
	case IIR_FCR:
		fcr_write(d, byte);
		break;
	case LCR:
		s->lcr = byte;
		break;
	case MCR:
		s->mcr = byte & 0x1f;
		msr_update(s);
		rx_ready(d);
		break;
	case SCR:
		s->scr = byte;
		break;
	default: /* LSR and MSR are for the factory's tests */
		break;
	}
	ns16550_update(d);
}

static void ns16550_timer(struct vdev *d, unsigned id)
{
	(void)id;
	tx_drain(d);
	ns16550_update(d);
}

static size_t ns16550_receive(struct vdev *d, unsigned channel, const void *data, size_t bytes)
{
	struct ns16550 *s = d->state;
	const uint8_t *byte = data;
	size_t taken = 0;

	if (channel != 0)
		return bytes;
	/* In loop-back the receiver is off the line: the outside waits. */
	if (!(s->mcr & MCR_LOOP)) {
		while (taken < bytes && s->rx_count < fifo_size(s))
			rx_put(s, byte[taken++]);
	}
	if (taken < bytes)
		s->refused = 1;
	ns16550_update(d);
	return taken;
}

static void ns16550_reset(struct vdev *d)
{
	struct ns16550 *s = d->state;
	bool refused = s->refused;

	*s = (struct ns16550){ .msr = MSR_CTS | MSR_DSR | MSR_DCD, .dll = 12 };
	d->host->timer(d, TIMER_TRANSMIT, VDEV_NEVER);
	ns16550_update(d);
	if (refused)
		d->host->ready(d, 0);
}

const struct vdev_class ns16550_class = {
	.name = "16550A",
	.state_bytes = sizeof(struct ns16550),
	.version = 1,
	.timers = TIMERS,
	.lines_out = 1,
	.channels = 1,
	.reset = ns16550_reset,
	.read = ns16550_read,
	.write = ns16550_write,
	.timer = ns16550_timer,
	.receive = ns16550_receive,
};
