/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/i8042.c tests/unit/vdev_fake.c */
/* The 8042 with keyboard and mouse, by the steps that Linux's driver takes. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

enum { DATA, COMMAND };
enum { KEYBOARD, MOUSE };

static struct vdev_fake f;

static void start_with(bool keyboard, bool mouse)
{
	fake_attach(&f, &i8042_class, 0);
	i8042_plug(&f.d, keyboard, mouse);
	fake_reset(&f);
	memset(f.requests, 0, sizeof(f.requests));
}

static void start(void)
{
	start_with(true, true);
}
static uint8_t status(void)
{
	return fake_in8(&f, COMMAND, 0);
}
static void command(uint8_t c)
{
	fake_out8(&f, COMMAND, 0, c);
}
static void data(uint8_t c)
{
	fake_out8(&f, DATA, 0, c);
}

/* The next byte, or 0x1000 when there is none; 0x100 is added when it came from the mouse. */
static unsigned next(void)
{
	uint8_t s = status();

	if (!(s & 1))
		return 0x1000;
	return (s & 0x20 ? 0x100u : 0) | fake_in8(&f, DATA, 0);
}

static void config(uint8_t value)
{
	command(0x60);
	data(value);
}

static void linux_probe(void)
{
	start();
	CHECK_EQ(next(), 0x1000);
	command(0x20);
	CHECK_EQ(status() & 0x11, 0x11); /* answer is there; not locked */
	CHECK_EQ(next(), 0x44);
	command(0xaa);
	CHECK_EQ(next(), 0x55);
	command(0xd3); /* the auxiliary loop, and no multiplexer */
	data(0x5a);
	CHECK_EQ(next(), 0x15a);
	command(0xd3);
	data(0xf0);
	CHECK_EQ(next(), 0x1f0);
	command(0xa7);
	command(0x20);
	CHECK_EQ(next() & 0x20, 0x20);
	command(0xa8);
	command(0x20);
	CHECK_EQ(next() & 0x20, 0);
	command(0xab);
	CHECK_EQ(next(), 0x00);
	command(0xa9);
	CHECK_EQ(next(), 0x00);
}

static void aux_loop_interrupts(void)
{
	start();
	config(0x47);
	command(0xd3);
	data(0xa5);
	CHECK(f.line[MOUSE]);
	CHECK(!f.line[KEYBOARD]);
	CHECK_EQ(next(), 0x1a5);
	CHECK(!f.line[MOUSE]);
}

static void keyboard_identifies(void)
{
	start();
	config(0x05);
	data(0xff);
	CHECK(f.line[KEYBOARD]);
	CHECK_EQ(next(), 0xfa);
	CHECK_EQ(next(), 0xaa);
	data(0xf2);
	CHECK_EQ(next(), 0xfa);
	CHECK_EQ(next(), 0xab);
	CHECK_EQ(next(), 0x83);
	config(0x45);
	data(0xf2);
	CHECK_EQ(next(), 0xfa);
	CHECK_EQ(next(), 0xab);
	CHECK_EQ(next(), 0x41); /* translated, as AT keyboards are known */
	CHECK_EQ(next(), 0x1000);
	CHECK(!f.line[KEYBOARD]);
}

static void keyboard_commands(void)
{
	start();
	config(0x05);
	data(0xed);
	CHECK_EQ(next(), 0xfa);
	data(0x07);
	CHECK_EQ(next(), 0xfa);
	data(0xf0);
	CHECK_EQ(next(), 0xfa);
	data(0x00);
	CHECK_EQ(next(), 0xfa);
	CHECK_EQ(next(), 0x02);
	data(0xee);
	CHECK_EQ(next(), 0xee);
	data(0xfe);
	CHECK_EQ(next(), 0xee);
	data(0x01); /* no command */
	CHECK_EQ(next(), 0xfe);
	data(0xf3);
	CHECK_EQ(next(), 0xfa);
	data(0xf4); /* a command instead of the parameter */
	CHECK_EQ(next(), 0xfa);
	CHECK_EQ(next(), 0x1000);
}

static void keys_are_translated(void)
{
	static const uint8_t a_down_up[] = { 0x1c, 0xf0, 0x1c, 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0x83 };

	start();
	config(0x45);
	CHECK_EQ(fake_receive(&f, KEYBOARD, a_down_up, sizeof(a_down_up)), sizeof(a_down_up));
	CHECK_EQ(f.rises[KEYBOARD], 1);
	CHECK_EQ(next(), 0x1e);
	CHECK_EQ(f.rises[KEYBOARD], 2); /* an edge for every byte */
	CHECK_EQ(next(), 0x9e);
	CHECK_EQ(next(), 0xe0);
	CHECK_EQ(next(), 0x48);
	CHECK_EQ(next(), 0xe0);
	CHECK_EQ(next(), 0xc8);
	CHECK_EQ(next(), 0x41);
	CHECK_EQ(next(), 0x1000);
}

static void disabled_ports_hold_bytes(void)
{
	start();
	config(0x47);
	command(0xad);
	fake_receive(&f, KEYBOARD, "\x1c", 1);
	CHECK_EQ(next(), 0x1000);
	command(0xae);
	CHECK_EQ(next(), 0x1e);
}

static void keyboard_that_is_off_loses_keys(void)
{
	start();
	data(0xf5);
	CHECK_EQ(next(), 0xfa);
	CHECK_EQ(fake_receive(&f, KEYBOARD, "\x1c", 1), 1);
	CHECK_EQ(next(), 0x1000);
	data(0xf4);
	CHECK_EQ(next(), 0xfa);
	fake_receive(&f, KEYBOARD, "\x1c", 1);
	CHECK_EQ(next(), 0x1e);
}

static void back_pressure(void)
{
	uint8_t keys[40];
	size_t taken;

	start();
	memset(keys, 0x1c, sizeof(keys));
	taken = fake_receive(&f, KEYBOARD, keys, sizeof(keys));
	CHECK(taken > 0 && taken < sizeof(keys));
	CHECK_EQ(f.ready[KEYBOARD], 0);
	for (size_t i = 0; i < taken; i++)
		CHECK_EQ(next(), 0x1e);
	CHECK_EQ(f.ready[KEYBOARD], 1);
}

static void to_mouse(uint8_t byte)
{
	command(0xd4);
	data(byte);
}

static void mouse_answers(void)
{
	start();
	config(0x47);
	to_mouse(0xff);
	CHECK(f.line[MOUSE]);
	CHECK_EQ(next(), 0x1fa);
	CHECK_EQ(next(), 0x1aa);
	CHECK_EQ(next(), 0x100);
	to_mouse(0xf2);
	CHECK_EQ(next(), 0x1fa);
	CHECK_EQ(next(), 0x100);
	to_mouse(0xf3);
	CHECK_EQ(next(), 0x1fa);
	to_mouse(60);
	CHECK_EQ(next(), 0x1fa);
	to_mouse(0xe8);
	CHECK_EQ(next(), 0x1fa);
	to_mouse(3);
	CHECK_EQ(next(), 0x1fa);
	to_mouse(0xf4);
	CHECK_EQ(next(), 0x1fa);
	to_mouse(0xe9);
	CHECK_EQ(next(), 0x1fa);
	CHECK_EQ(next(), 0x120);
	CHECK_EQ(next(), 0x103);
	CHECK_EQ(next(), 0x13c);
	fake_receive(&f, MOUSE, "\x08\x01\x02", 3);
	CHECK_EQ(next(), 0x108);
	CHECK_EQ(next(), 0x101);
	CHECK_EQ(next(), 0x102);
	to_mouse(0x11);
	CHECK_EQ(next(), 0x1fe);
}

static void mouse_wrap_mode(void)
{
	start();
	to_mouse(0xee);
	CHECK_EQ(next(), 0x1fa);
	to_mouse(0xf4);
	CHECK_EQ(next(), 0x1f4);
	to_mouse(0xec);
	CHECK_EQ(next(), 0x1fa);
	to_mouse(0xeb);
	CHECK_EQ(next(), 0x1fa);
	CHECK_EQ(next(), 0x108);
}

static void nothing_plugged_in(void)
{
	start_with(false, false);
	data(0xff);
	CHECK_EQ(status() & 0x41, 0x41); /* time-out */
	CHECK_EQ(next(), 0xfe);
	to_mouse(0xff);
	CHECK_EQ(next(), 0x1fe);
	CHECK_EQ(fake_receive(&f, KEYBOARD, "\x1c", 1), 1);
	CHECK_EQ(next(), 0x1000);
}

static void resets_the_machine(void)
{
	start();
	command(0xfe);
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 1);
	command(0xff); /* pulses nothing */
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 1);
	command(0xd1);
	data(0x02);
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 2);
}

static void gate_a20(void)
{
	start();
	command(0xd0);
	CHECK_EQ(next() & 0x03, 0x03);
	command(0xd1);
	data(0x01);
	CHECK_EQ(f.requests[VDEV_MACHINE_A20_OFF], 1);
	command(0xd0);
	CHECK_EQ(next() & 0x02, 0);
	command(0xdf);
	CHECK_EQ(f.requests[VDEV_MACHINE_A20_ON], 1);
	command(0xdd);
	CHECK_EQ(f.requests[VDEV_MACHINE_A20_OFF], 2);
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 0);
}

static void controller_memory(void)
{
	start();
	command(0x7f);
	data(0x99);
	command(0x3f);
	CHECK_EQ(next(), 0x99);
	command(0x61);
	data(0x12);
	command(0x21);
	CHECK_EQ(next(), 0x12);
	CHECK_EQ(status() & 8, 8); /* last write was a command */
	data(0xee);
	CHECK_EQ(status() & 8, 0);
}

int main(void)
{
	RUN(linux_probe);
	RUN(aux_loop_interrupts);
	RUN(keyboard_identifies);
	RUN(keyboard_commands);
	RUN(keys_are_translated);
	RUN(disabled_ports_hold_bytes);
	RUN(keyboard_that_is_off_loses_keys);
	RUN(back_pressure);
	RUN(mouse_answers);
	RUN(mouse_wrap_mode);
	RUN(nothing_plugged_in);
	RUN(resets_the_machine);
	RUN(gate_a20);
	RUN(controller_memory);
	return unit_status();
}
