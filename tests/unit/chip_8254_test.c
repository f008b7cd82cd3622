/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/i8254.c tests/unit/vdev_fake.c */
/* The 8254: the timing of each mode against the data sheet, latches, read-back, BCD, port 0x61. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

enum { TIMER, PORT61 };
enum { CONTROL = 3 };
#define HZ 1193182ULL

static struct vdev_fake f;

/* Moves the clock to the middle of absolute tick `n`. */
static void to_tick(uint64_t n)
{
	uint64_t ns = (n * 2000000000ULL + 1000000000ULL) / (2 * HZ);

	fake_advance(&f, ns - f.now);
}

static void start(void)
{
	fake_start(&f, &i8254_class, 0);
	to_tick(0);
}

static void program(unsigned counter, unsigned mode, uint16_t count)
{
	fake_out8(&f, TIMER, CONTROL, (uint8_t)(counter << 6 | 0x30 | mode << 1));
	fake_out8(&f, TIMER, counter, (uint8_t)count);
	fake_out8(&f, TIMER, counter, (uint8_t)(count >> 8));
}

static uint16_t value(unsigned counter)
{
	unsigned low;

	fake_out8(&f, TIMER, CONTROL, (uint8_t)(counter << 6));
	low = fake_in8(&f, TIMER, counter);
	return (uint16_t)(low | fake_in8(&f, TIMER, counter) << 8);
}

static bool out2(void)
{
	return fake_in8(&f, PORT61, 0) & 0x20;
}

static uint8_t status(unsigned counter)
{
	fake_out8(&f, TIMER, CONTROL, (uint8_t)(0xe0 | 2u << counter));
	return fake_in8(&f, TIMER, counter);
}

static void mode0_timing(void)
{
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 0, 4);
	CHECK(!out2());
	to_tick(1);
	CHECK_EQ(value(2), 4); /* loaded one clock after it was written */
	to_tick(4);
	CHECK_EQ(value(2), 1);
	CHECK(!out2());
	to_tick(5); /* N + 1 clocks after the write */
	CHECK(out2());
	CHECK_EQ(value(2), 0);
	to_tick(6);
	CHECK_EQ(value(2), 0xffff); /* wraps and goes on */
	CHECK(out2());
}

static void mode0_gate_pauses(void)
{
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 0, 100);
	to_tick(41);
	CHECK_EQ(value(2), 60);
	fake_out8(&f, PORT61, 0, 0);
	to_tick(1000);
	CHECK_EQ(value(2), 60);
	CHECK(!out2());
	fake_out8(&f, PORT61, 0, 1);
	to_tick(1011);
	CHECK_EQ(value(2), 50);
	to_tick(1061);
	CHECK(out2());
}

static void mode0_first_byte_stops(void)
{
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 0, 10);
	to_tick(20);
	CHECK(out2());
	fake_out8(&f, TIMER, 2, 5);
	CHECK(!out2());
	to_tick(100);
	CHECK(!out2());
	fake_out8(&f, TIMER, 2, 0);
	to_tick(105);
	CHECK(!out2());
	to_tick(106);
	CHECK(out2());
}

static void mode1_one_shot(void)
{
	start();
	program(2, 1, 10);
	CHECK(out2());
	to_tick(50);
	CHECK(out2()); /* waits for its trigger */
	fake_out8(&f, PORT61, 0, 1);
	to_tick(52);
	CHECK(!out2());
	to_tick(60);
	CHECK(!out2());
	to_tick(61);
	CHECK(out2());
	fake_out8(&f, PORT61, 0, 0);
	fake_out8(&f, PORT61, 0, 1); /* retrigger */
	to_tick(70);
	CHECK(!out2());
	fake_out8(&f, PORT61, 0, 0); /* the gate's fall changes nothing */
	CHECK(!out2());
	to_tick(72);
	CHECK(out2());
}

static void mode2_rate(void)
{
	start();
	program(0, 2, 1000);
	CHECK(f.line[0]);
	f.rises[0] = 0;
	to_tick(1000);
	CHECK_EQ(f.rises[0], 0);
	to_tick(1001); /* one clock to load, then N */
	CHECK_EQ(f.rises[0], 1);
	to_tick(10001);
	CHECK_EQ(f.rises[0], 10);
	to_tick(10002);
	CHECK_EQ(value(0), 999);
}

static void mode2_low_for_one_clock(void)
{
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 2, 5);
	for (unsigned t = 1; t < 30; t++) {
		to_tick(t);
		CHECK_EQ(out2(), (t - 1) % 5 != 4);
		CHECK_EQ(value(2), 5 - (t - 1) % 5);
	}
}

static void mode2_new_count_waits_for_the_period(void)
{
	start();
	program(0, 2, 100);
	to_tick(51);
	fake_out8(&f, TIMER, 0, 10);
	fake_out8(&f, TIMER, 0, 0);
	CHECK_EQ(status(0) & 0x40, 0x40); /* null count: not loaded yet */
	CHECK_EQ(value(0), 50);
	f.rises[0] = 0;
	to_tick(101);
	CHECK_EQ(f.rises[0], 1);
	CHECK_EQ(value(0), 10);
	CHECK_EQ(status(0) & 0x40, 0);
	to_tick(121);
	CHECK_EQ(f.rises[0], 3);
}

static void mode2_gate_reloads(void)
{
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 2, 100);
	to_tick(61);
	fake_out8(&f, PORT61, 0, 0);
	to_tick(500);
	CHECK(out2());
	CHECK_EQ(value(2), 40);
	fake_out8(&f, PORT61, 0, 1);
	to_tick(511);
	CHECK_EQ(value(2), 90);
}

static void mode3_even_and_odd(void)
{
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 3, 6);
	for (unsigned t = 1; t < 30; t++) {
		to_tick(t);
		CHECK_EQ(out2(), (t - 1) % 6 < 3);
		CHECK_EQ(value(2), 6 - 2 * ((t - 1) % 3));
	}
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 3, 5);
	for (unsigned t = 1; t < 30; t++) {
		to_tick(t);
		CHECK_EQ(out2(), (t - 1) % 5 < 3); /* high one clock longer */
		CHECK_EQ(value(2) & 1, 0);
	}
}

static void mode3_rate(void)
{
	start();
	program(0, 3, 0); /* 65536: 18.2 Hz */
	f.rises[0] = 0;
	fake_advance(&f, 10000000000ULL);
	CHECK_EQ(f.rises[0], 182);
}

static void mode4_strobe(void)
{
	start();
	fake_out8(&f, PORT61, 0, 1);
	program(2, 4, 8);
	for (unsigned t = 1; t < 30; t++) {
		to_tick(t);
		CHECK_EQ(out2(), t != 9); /* low for one clock, N + 1 after the write */
	}
}

static void mode4_interrupts_once(void)
{
	start();
	program(0, 4, 500);
	f.rises[0] = 0;
	to_tick(501);
	CHECK_EQ(f.rises[0], 0);
	to_tick(502);
	CHECK_EQ(f.rises[0], 1);
	to_tick(200000);
	CHECK_EQ(f.rises[0], 1);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
}

static void mode5_triggered_strobe(void)
{
	start();
	program(2, 5, 8);
	to_tick(100);
	CHECK(out2());
	fake_out8(&f, PORT61, 0, 1);
	to_tick(108);
	CHECK(out2());
	to_tick(109);
	CHECK(!out2());
	to_tick(110);
	CHECK(out2());
}

static void mode0_interrupts_once(void)
{
	start();
	program(0, 0, 100);
	CHECK(!f.line[0]);
	f.rises[0] = 0;
	to_tick(100);
	CHECK(!f.line[0]);
	to_tick(101);
	CHECK(f.line[0]);
	to_tick(300000);
	CHECK_EQ(f.rises[0], 1);
}

static void late_host_skips_edges(void)
{
	start();
	program(0, 2, 10);
	f.rises[0] = 0;
	f.now += 1000000000; /* the host sleeps a second */
	fake_advance(&f, 0);
	CHECK_EQ(f.rises[0], 1);
	CHECK(fake_deadline(&f) > f.now);
	CHECK(fake_deadline(&f) <= f.now + 8382);
}

static void latch_holds(void)
{
	start();
	program(0, 2, 1000);
	to_tick(11);
	fake_out8(&f, TIMER, CONTROL, 0x00);
	to_tick(101);
	fake_out8(&f, TIMER, CONTROL, 0x00); /* a second latch before the read is ignored */
	CHECK_EQ(fake_in8(&f, TIMER, 0), 990 & 0xff);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 990 >> 8);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 900 & 0xff);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 900 >> 8);
}

static void read_back(void)
{
	start();
	program(0, 2, 1000);
	program(2, 3, 2000);
	fake_out8(&f, PORT61, 0, 1);
	to_tick(11);
	fake_out8(&f, TIMER, CONTROL, 0xca); /* count and status of counters 0 and 2 */
	to_tick(500);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 0x80 | 0x30 | 2 << 1); /* status first */
	CHECK_EQ(fake_in8(&f, TIMER, 0), 990 & 0xff);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 990 >> 8);
	CHECK_EQ(fake_in8(&f, TIMER, 2), 0x80 | 0x30 | 3 << 1);
}

static void null_count(void)
{
	start();
	fake_out8(&f, TIMER, CONTROL, 0x34);
	CHECK_EQ(status(0), 0x80 | 0x40 | 0x34);
	fake_out8(&f, TIMER, 0, 16);
	CHECK_EQ(status(0) & 0x40, 0x40);
	fake_out8(&f, TIMER, 0, 0);
	CHECK_EQ(status(0) & 0x40, 0x40);
	to_tick(1);
	CHECK_EQ(status(0) & 0x40, 0);
}

static void bcd_counts(void)
{
	start();
	fake_out8(&f, TIMER, CONTROL, 0x35);
	fake_out8(&f, TIMER, 0, 0x00);
	fake_out8(&f, TIMER, 0, 0x10); /* 1000 */
	to_tick(2);
	CHECK_EQ(value(0), 0x0999);
	f.rises[0] = 0;
	to_tick(1001);
	CHECK_EQ(f.rises[0], 1);
	fake_out8(&f, TIMER, CONTROL, 0x35);
	fake_out8(&f, TIMER, 0, 0);
	fake_out8(&f, TIMER, 0, 0); /* 10000 */
	to_tick(1003);
	CHECK_EQ(value(0), 0x9999);
}

static void byte_access(void)
{
	start();
	fake_out8(&f, TIMER, CONTROL, 0x14); /* counter 0, low byte only, mode 2 */
	fake_out8(&f, TIMER, 0, 200);
	to_tick(11);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 190);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 190);
	fake_out8(&f, TIMER, CONTROL, 0x24); /* high byte only */
	fake_out8(&f, TIMER, 0, 2);
	to_tick(13);
	CHECK_EQ(fake_in8(&f, TIMER, 0), 0x01);
	CHECK_EQ(fake_in8(&f, TIMER, CONTROL), 0xff);
}

static void port61_bits(void)
{
	bool seen[2] = { false, false };

	start();
	fake_out8(&f, PORT61, 0, 0xff);
	CHECK_EQ(fake_in8(&f, PORT61, 0) & 0xcf, 0x0f);
	fake_out8(&f, PORT61, 0, 0x00);
	CHECK_EQ(fake_in8(&f, PORT61, 0) & 0xcf, 0x00);
	for (unsigned i = 0; i < 10; i++) {
		seen[fake_in8(&f, PORT61, 0) >> 4 & 1] = true;
		fake_advance(&f, 15085);
	}
	CHECK(seen[0] && seen[1]);
}

/* What Linux does to calibrate the TSC: counter 2 in mode 0, polling port 0x61. */
static void calibration(void)
{
	uint64_t began;

	start();
	fake_out8(&f, PORT61, 0, (fake_in8(&f, PORT61, 0) & 0xfd) | 1);
	program(2, 0, 11932);
	began = f.now;
	while (!out2())
		fake_advance(&f, 1000);
	CHECK(f.now - began > 9999000 && f.now - began < 10002000);
}

int main(void)
{
	RUN(mode0_timing);
	RUN(mode0_gate_pauses);
	RUN(mode0_first_byte_stops);
	RUN(mode1_one_shot);
	RUN(mode2_rate);
	RUN(mode2_low_for_one_clock);
	RUN(mode2_new_count_waits_for_the_period);
	RUN(mode2_gate_reloads);
	RUN(mode3_even_and_odd);
	RUN(mode3_rate);
	RUN(mode4_strobe);
	RUN(mode4_interrupts_once);
	RUN(mode5_triggered_strobe);
	RUN(mode0_interrupts_once);
	RUN(late_host_skips_edges);
	RUN(latch_holds);
	RUN(read_back);
	RUN(null_count);
	RUN(bcd_counts);
	RUN(byte_access);
	RUN(port61_bits);
	RUN(calibration);
	return unit_status();
}
