/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/ns16550.c tests/unit/vdev_fake.c */
/* The 16550A: FIFOs, interrupts by priority, loop-back, back-pressure, Linux's probe sequences. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static struct vdev_fake f;

static uint8_t in(unsigned reg)
{
	return fake_in8(&f, 0, reg);
}
static void out(unsigned reg, uint8_t value)
{
	fake_out8(&f, 0, reg, value);
}

static void start(void)
{
	fake_start(&f, &ns16550_class, 0);
}

static void start_fifo(void)
{
	start();
	out(IIR, 0x07);
	out(MCR, 0x0b);
}

static void power_on(void)
{
	start();
	CHECK_EQ(in(LSR), 0x60);
	CHECK_EQ(in(IIR), 0x01);
	CHECK_EQ(in(MSR), 0xb0);
	CHECK_EQ(in(IER), 0);
	CHECK(!f.line[0]);
}

static void divisor_and_scratch(void)
{
	start();
	out(LCR, 0x83);
	out(RBR, 0x34);
	out(IER, 0x12);
	CHECK_EQ(in(RBR), 0x34);
	CHECK_EQ(in(IER), 0x12);
	out(LCR, 0x03);
	CHECK_EQ(in(IER), 0);
	CHECK_EQ(f.outs, 0);
	out(SCR, 0xa5);
	CHECK_EQ(in(SCR), 0xa5);
	CHECK_EQ(in(LCR), 0x03);
	out(IER, 0xff);
	CHECK_EQ(in(IER), 0x0f); /* no sleep mode, no low-power mode */
	out(MCR, 0xff);
	CHECK_EQ(in(MCR), 0x1f);
}

static void transmits(void)
{
	start_fifo();
	out(RBR, 'h');
	out(RBR, 'i');
	CHECK_EQ(f.outs, 2);
	CHECK(memcmp(f.out, "hi", 2) == 0);
	CHECK_EQ(in(LSR), 0x60);
}

static void host_refuses_then_takes(void)
{
	start_fifo();
	out(IER, 0x02);
	in(IIR);
	f.out_limit = 0;
	for (unsigned i = 0; i < 16; i++)
		out(RBR, (uint8_t)i);
	CHECK_EQ(in(LSR)&0x60, 0);
	CHECK_EQ(in(IIR), 0xc1);
	f.out_limit = 10;
	fake_advance(&f, 1000000);
	CHECK_EQ(f.outs, 10);
	CHECK_EQ(in(LSR)&0x20, 0);
	fake_advance(&f, 1000000);
	CHECK_EQ(f.outs, 16);
	CHECK_EQ(f.out[15], 15);
	CHECK_EQ(in(IIR), 0xc2);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
}

static void transmit_overrun(void)
{
	start();
	f.out_limit = 0;
	out(RBR, 'a');
	out(RBR, 'b');
	f.out_limit = 8;
	fake_advance(&f, 2000000);
	CHECK_EQ(f.outs, 1);
	CHECK_EQ(f.out[0], 'b'); /* the holding register was overwritten */
}

static void receives(void)
{
	start_fifo();
	CHECK_EQ(fake_receive(&f, 0, "abc", 3), 3);
	CHECK_EQ(in(LSR)&1, 1);
	CHECK_EQ(in(RBR), 'a');
	CHECK_EQ(in(RBR), 'b');
	CHECK_EQ(in(RBR), 'c');
	CHECK_EQ(in(LSR)&1, 0);
	CHECK_EQ(in(RBR), 0);
}

static void back_pressure(void)
{
	static const char text[] = "0123456789abcdefGHIJ";

	start_fifo();
	CHECK_EQ(fake_receive(&f, 0, text, 20), 16);
	CHECK_EQ(in(LSR)&2, 0); /* no overrun: the outside waits */
	CHECK_EQ(f.ready[0], 0);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(in(RBR), text[i]);
	CHECK_EQ(f.ready[0], 1);
	CHECK_EQ(fake_receive(&f, 0, text + 16, 4), 4);
	CHECK_EQ(in(RBR), 'G');
	CHECK_EQ(f.ready[0], 1);
}

static void without_fifo_one_byte(void)
{
	start();
	CHECK_EQ(fake_receive(&f, 0, "xy", 2), 1);
	CHECK_EQ(in(RBR), 'x');
	CHECK_EQ(f.ready[0], 1);
}

static void interrupt_priority(void)
{
	start_fifo();
	out(IER, 0x0f);
	CHECK(f.line[0]);
	out(MCR, 0x1b); /* loop: RTS, DTR, OUT2 to CTS, DSR, DCD; and overrun by the loop */
	for (unsigned i = 0; i < 17; i++)
		out(RBR, (uint8_t)i);
	out(MCR, 0x0b);
	CHECK_EQ(in(IIR)&0x0f, 0x06); /* receiver line status */
	CHECK_EQ(in(LSR)&0x02, 0x02);
	CHECK_EQ(in(LSR)&0x02, 0);
	CHECK_EQ(in(IIR)&0x0f, 0x04); /* data */
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(in(RBR), i); /* with FIFOs the new character is the one that is lost */
	CHECK_EQ(in(IIR)&0x0f, 0x02); /* THRE; this read clears it */
	CHECK_EQ(in(IIR)&0x0f, 0x01);
	CHECK(!f.line[0]);
}

static void modem_interrupt(void)
{
	start();
	out(IER, 0x08);
	out(MCR, 0x18); /* loop, OUT2: CTS and DSR fall */
	CHECK_EQ(in(IIR), 0x00);
	CHECK(!f.line[0]); /* loop-back holds OUT2 off the line driver */
	CHECK_EQ(in(MSR), 0x80 | 0x03);
	CHECK_EQ(in(MSR), 0x80);
	CHECK_EQ(in(IIR), 0x01);
	out(MCR, 0x1c); /* OUT1 drives RI */
	CHECK_EQ(in(MSR), 0xc0); /* rising: no delta */
	out(MCR, 0x18);
	CHECK_EQ(in(MSR), 0x84); /* trailing edge */
}

static void trigger_and_timeout(void)
{
	start();
	out(IIR, 0x81); /* trigger at 8 */
	out(MCR, 0x08);
	out(IER, 0x01);
	fake_receive(&f, 0, "1234", 4);
	CHECK_EQ(in(IIR), 0xcc); /* fewer: character time-out */
	CHECK(f.line[0]);
	fake_receive(&f, 0, "5678", 4);
	CHECK_EQ(in(IIR), 0xc4);
	in(RBR);
	CHECK_EQ(in(IIR), 0xcc);
	for (unsigned i = 0; i < 7; i++)
		in(RBR);
	CHECK_EQ(in(IIR), 0xc1);
	CHECK(!f.line[0]);
}

static void thre_rules(void)
{
	start_fifo();
	out(IER, 0x02);
	CHECK(f.line[0]); /* enabling it while empty raises it */
	CHECK_EQ(in(IIR), 0xc2);
	CHECK(!f.line[0]);
	CHECK_EQ(in(IIR), 0xc1);
	out(IER, 0x00);
	out(IER, 0x02); /* Linux's THRE test: it must come again */
	CHECK_EQ(in(IIR), 0xc2);
	out(RBR, 'x');
	CHECK(f.line[0]);
	CHECK_EQ(in(IIR), 0xc2);
}

static void out2_gates_the_line(void)
{
	start();
	out(IER, 0x02);
	CHECK(!f.line[0]);
	CHECK_EQ(in(IIR), 0x02);
	out(IER, 0x00);
	out(IER, 0x02);
	out(MCR, 0x08);
	CHECK(f.line[0]);
	out(MCR, 0x00);
	CHECK(!f.line[0]);
}

static void loop_back(void)
{
	start_fifo();
	out(MCR, 0x10);
	out(RBR, 0x5a);
	CHECK_EQ(f.outs, 0);
	CHECK_EQ(in(RBR), 0x5a);
	CHECK_EQ(fake_receive(&f, 0, "z", 1), 0); /* off the line */
	out(MCR, 0x00);
	CHECK_EQ(f.ready[0], 1);
	CHECK_EQ(fake_receive(&f, 0, "z", 1), 1);
}

static void fifo_reset(void)
{
	start_fifo();
	fake_receive(&f, 0, "abc", 3);
	out(IIR, 0x03);
	CHECK_EQ(in(LSR)&1, 0);
	fake_receive(&f, 0, "abc", 3);
	out(IIR, 0x00); /* disabling the FIFOs empties them */
	CHECK_EQ(in(LSR)&1, 0);
	CHECK_EQ(in(IIR), 0x01);
}

/* The steps by which Linux's 8250 driver tells a 16550A from its relatives. */
static void linux_autoconfig(void)
{
	unsigned count = 0;

	start();
	out(IER, 0x00);
	CHECK_EQ(in(IER)&0x0f, 0);
	out(IER, 0x0f);
	CHECK_EQ(in(IER)&0x0f, 0x0f);
	out(IER, 0);
	out(MCR, 0x1a);
	CHECK_EQ(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	out(LCR, 0xbf);
	out(IIR, 0);
	out(LCR, 0);
	out(IIR, 0x01);
	CHECK_EQ(in(IIR) >> 6, 3);
	out(LCR, 0x80);
	CHECK(in(IIR) != 0); /* an EFR that reads zero would be a 16650 */
	out(LCR, 0xbf);
	CHECK(in(IIR) != 0);
	out(LCR, 0);
	out(IER, 0x40);
	CHECK_EQ(in(IER)&0x40, 0); /* set: an XScale UART */
	out(IER, 0);
	out(IIR, 0x07);
	out(MCR, 0x10);
	for (unsigned i = 0; i < 256; i++)
		out(RBR, (uint8_t)i);
	while ((in(LSR)&1) && count < 256) {
		in(RBR);
		count++;
	}
	CHECK_EQ(count, 16); /* size_fifo */
}

static void reset_forgets(void)
{
	start_fifo();
	fake_receive(&f, 0, "0123456789abcdefg", 17);
	out(IER, 0x0f);
	CHECK(f.line[0]);
	fake_reset(&f);
	CHECK(!f.line[0]);
	CHECK_EQ(in(LSR), 0x60);
	CHECK_EQ(f.ready[0], 1);
}

int main(void)
{
	RUN(power_on);
	RUN(divisor_and_scratch);
	RUN(transmits);
	RUN(host_refuses_then_takes);
	RUN(transmit_overrun);
	RUN(receives);
	RUN(back_pressure);
	RUN(without_fifo_one_byte);
	RUN(interrupt_priority);
	RUN(modem_interrupt);
	RUN(trigger_and_timeout);
	RUN(thre_rules);
	RUN(out2_gates_the_line);
	RUN(loop_back);
	RUN(fifo_reset);
	RUN(linux_autoconfig);
	RUN(reset_forgets);
	return unit_status();
}
