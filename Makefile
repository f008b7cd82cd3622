# SPDX-License-Identifier: GPL-2.0-only
# Bulkhead's build. `make help` lists what a person may want.
#
#   O=DIR      where everything is built (build)
#   CC=clang   the other compiler; both must build without a warning
#   V=1        show the commands

O      ?= build
CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
NASM   ?= nasm
CLANG  ?= clang
CACHE  ?= cache
Q      := $(if $(V),,@)
say     = @printf '  %-8s %s\n' $(1) $(2)

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

.PHONY: help all run test unit fuzz image bench debug lint cov soak clean deps guests payloads

help:
	@echo 'make all      build the hypervisor, the boot image parts and the command ($(O)/bulkhead)'
	@echo 'make run      boot the demo box under QEMU: two Linux guests and GNU Mach'
	@echo 'make test     every test; installs what is missing'
	@echo 'make image    the demo box as a bootable disk image ($(O)/box.img)'
	@echo 'make bench    the benchmark: a table, and $(O)/bench.json'
	@echo 'make debug    as run, with QEMU waiting for gdb (tools/gdb)'
	@echo 'make lint     layering, headers, device objects, formatting, compilers'
	@echo 'make cov      line coverage: unit tests, and the box as it runs in QEMU'
	@echo 'make soak     long runs: boots in a row, an hour of everything (TESTS=soak/hour MINUTES=10)'
	@echo 'make clean    remove $(O)'

# ---------------------------------------------------------------------------- dependencies

# One list (tools/deps) serves people and CI. The stamp is per list: it installs only when it changes.
DEPS := $(O)/.deps
$(DEPS): tools/deps
	$(Q)mkdir -p $(O)
	$(Q)tools/deps install
	$(Q)touch $@
deps: $(DEPS)

# ---------------------------------------------------------------------------- flags

WARN   := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wconversion -Wvla -Werror
COMMON := -std=c11 -I. -g $(WARN) -ffile-prefix-map=$(CURDIR)=.
BARE   := $(COMMON) -O2 -ffreestanding -mgeneral-regs-only -fno-stack-protector -fno-pic \
          -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
          -fno-strict-aliasing -fno-common -ffunction-sections -fdata-sections
# COV=1 (tools/cov): gcc's counters in the kernel, manager and monitor, which tests/cov gives out at the end.
# libgcov.a is for user space; what is used of it touches no vector register.
ifdef COV
LIBGCOV  := $(shell gcc -print-file-name=libgcov.a)
COVFLAGS := -O1 -Wno-maybe-uninitialized -DBULKHEAD_COV -fprofile-arcs -fprofile-update=atomic \
            -ftest-coverage -fprofile-info-section=.gcov_info
COV_K    := $(O)/k/tests/cov/dump.o $(O)/k/tests/cov/kernel.o $(LIBGCOV)
COV_U    := $(O)/u/tests/cov/dump.o $(O)/u/tests/cov/ring3.o $(LIBGCOV)
endif
# Indirect branches go by way of arch/speculation.asm.
THUNKS   := $(if $(findstring clang,$(CC)),-mretpoline-external-thunk,-mindirect-branch=thunk-extern -mindirect-branch-register)
KCFLAGS  := $(BARE) $(if $(STRETCH),-DSTRETCH) -mno-red-zone -mcmodel=kernel -fno-jump-tables $(THUNKS) $(COVFLAGS)
UCFLAGS  := $(BARE) $(COVFLAGS)
HOST_CFLAGS := $(COMMON) -O2 -D_GNU_SOURCE
LDFLAGS_BARE := -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections --build-id=none
NASMFLAGS := -f elf64 -g -F dwarf -w+all -w-unknown-warning -w-reloc -Werror -I./

# ---------------------------------------------------------------------------- kernel

KERNEL_C   := $(sort $(wildcard arch/*.c kernel/*.c svm/*.c vmx/*.c boot/*.c \
              drivers/boot_*.c lib/*.c))
KERNEL_ASM := $(sort $(wildcard boot/*.asm arch/*.asm kernel/*.asm svm/*.asm vmx/*.asm))
KERNEL_O   := $(KERNEL_C:%.c=$(O)/k/%.o) $(KERNEL_ASM:%.asm=$(O)/k/%.asm.o) $(COV_K)

$(O)/k/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -MMD -MP -c $< -o $@

$(O)/k/%.asm.o: %.asm Makefile
	$(call say,NASM,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) $(NASMFLAGS) -MD $(@:.o=.d) $< -o $@

# Linked twice: the first pass only serves to make the symbol table for backtraces.
$(O)/k/pass1.elf: $(KERNEL_O) boot/kernel.ld
	$(Q)ld $(LDFLAGS_BARE) -T boot/kernel.ld $(KERNEL_O) -o $@
$(O)/k/symbols.asm: $(O)/k/pass1.elf tools/gen-symbols
	$(Q)tools/gen-symbols $< > $@
$(O)/k/symbols.o: $(O)/k/symbols.asm
	$(Q)$(NASM) -f elf64 $< -o $@
$(O)/kernel.debug.elf: $(KERNEL_O) $(O)/k/symbols.o boot/kernel.ld
	$(call say,LD,$@)
	$(Q)ld $(LDFLAGS_BARE) -T boot/kernel.ld $(KERNEL_O) $(O)/k/symbols.o -o $@
$(O)/%.elf: $(O)/%.debug.elf
	$(Q)objcopy --strip-all $< $@

# ---------------------------------------------------------------------------- ring 3

RING3_C   := $(sort $(wildcard lib/*.c lib/ring3/*.c))
RING3_ASM := $(sort $(wildcard lib/ring3/*.asm))
MANAGER_C := $(sort $(wildcard manager/*.c)) $(RING3_C)
MONITOR_C := $(sort $(wildcard guests/*.c guests/*/*.c)) $(RING3_C)
RING3_ASM_O := $(RING3_ASM:%.asm=$(O)/u/%.asm.o)

$(O)/u/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(UCFLAGS) -MMD -MP -c $< -o $@
$(O)/u/%.asm.o: %.asm Makefile
	$(call say,NASM,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) $(NASMFLAGS) $< -o $@

MANAGER_O := $(MANAGER_C:%.c=$(O)/u/%.o) $(O)/u/screen_font.o $(RING3_ASM_O) $(COV_U)
MONITOR_O := $(MONITOR_C:%.c=$(O)/u/%.o) $(RING3_ASM_O) $(COV_U)

# The screen's letters come from a font that a Debian package brings (see tools/deps).
$(O)/u/screen_font.c: tools/gen-font
	$(Q)mkdir -p $(@D)
	$(Q)tools/gen-font /usr/share/grub/unicode.pf2 > $@
$(O)/u/screen_font.o: $(O)/u/screen_font.c Makefile
	$(Q)$(CC) $(UCFLAGS) -c $< -o $@

# The config reader is Debian's inih, as an archive; manager/libc_shim.c is all the libc it gets.
$(O)/manager.debug.elf: $(MANAGER_O) guests/ring3.ld
	$(call say,LD,$@)
	$(Q)ld $(LDFLAGS_BARE) -T guests/ring3.ld $(MANAGER_O) --start-group -linih --end-group \
		-L$(shell dirname $$($(CC) -print-file-name=libinih.a 2>/dev/null)) -o $@
$(O)/monitor.debug.elf: $(MONITOR_O) guests/ring3.ld
	$(call say,LD,$@)
	$(Q)ld $(LDFLAGS_BARE) -T guests/ring3.ld $(MONITOR_O) -o $@

# ---------------------------------------------------------------------------- boot: UEFI loader

EFI_DIR   := /usr/lib
EFI_C     := $(sort $(wildcard boot/efi/*.c)) boot/memmap.c lib/crc32.c lib/format.c lib/string.c lib/text.c
EFI_CFLAGS := $(COMMON) -O2 -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -ffreestanding \
              -fpic -fshort-wchar -mno-red-zone -fno-stack-protector -maccumulate-outgoing-args \
              -fcf-protection=none -DGNU_EFI_USE_MS_ABI -Wno-conversion
EFI_O     := $(EFI_C:%.c=$(O)/e/%.o)
$(O)/e/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(EFI_CFLAGS) -MMD -MP -c $< -o $@
# muldefs: Debian 13's libefi.a has memcpy and memset in a file that is needed; ours come first.
$(O)/e/loader.so: $(EFI_O)
	$(Q)ld -nostdlib -znocombreloc -zmuldefs -shared -Bsymbolic --build-id=none -T $(EFI_DIR)/elf_x86_64_efi.lds \
		$(EFI_DIR)/crt0-efi-x86_64.o $(EFI_O) -o $@ -L$(EFI_DIR) -lefi -lgnuefi
$(O)/BOOTX64.EFI: $(O)/e/loader.so
	$(call say,OBJCOPY,$@)
	$(Q)SOURCE_DATE_EPOCH=0 objcopy -j .text -j .sdata -j .data -j .rodata -j .dynamic -j .dynsym -j .rel -j .rela -j .rel.* \
		-j .rela.* -j .reloc --target efi-app-x86_64 --subsystem=10 $< $@

# ---------------------------------------------------------------------------- the command

TOOL_C := $(sort $(wildcard tools/*.c manager/config*.c)) $(sort $(wildcard lib/*.c))
TOOL_O := $(TOOL_C:%.c=$(O)/h/%.o)
$(O)/h/%.o: %.c Makefile
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(O)/bulkhead: $(TOOL_O)
	$(call say,LD,$@)
	$(Q)$(CC) $(TOOL_O) -linih -o $@

PROGRAMS := $(O)/kernel.elf $(O)/manager.elf $(O)/monitor.elf $(O)/BOOTX64.EFI $(O)/bulkhead
all: $(DEPS)
	$(Q)$(MAKE) --no-print-directory programs
.PHONY: programs
programs: $(PROGRAMS)

# ---------------------------------------------------------------------------- payload guests

# Each is tests/payload/NAME.c and, when that is long, what is in tests/payload/NAME/.
PAYLOADS := $(patsubst tests/payload/%.c,$(O)/payload/%.elf,$(sort $(wildcard tests/payload/*.c)))
PAYLOAD_LIB_C := $(sort $(wildcard tests/payload/lib/*.c)) lib/string.c lib/format.c
PAYLOAD_LIB_O := $(PAYLOAD_LIB_C:%.c=$(O)/p/%.o) \
                 $(patsubst %.asm,$(O)/p/%.asm.o,$(sort $(wildcard tests/payload/lib/*.asm)))
PCFLAGS := $(BARE) -mno-red-zone -mcmodel=small
$(O)/p/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PCFLAGS) -MMD -MP -c $< -o $@
$(O)/p/%.asm.o: %.asm Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) $(NASMFLAGS) $< -o $@
payload_parts = $(patsubst %.c,$(O)/p/%.o,$(sort $(wildcard tests/payload/$(1)/*.c)))
.SECONDEXPANSION:
$(O)/payload/%.elf: $(O)/p/tests/payload/%.o $$(call payload_parts,$$*) $(PAYLOAD_LIB_O) tests/payload/payload.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)ld $(LDFLAGS_BARE) -T tests/payload/payload.ld $(filter %.o,$^) -o $@
payloads: $(PAYLOADS)

# ---------------------------------------------------------------------------- programs as for QEMU's -kernel

# 32-bit multiboot programs, as ELF and as flat files whose header has the addresses.
MCFLAGS := $(filter-out -mno-red-zone -mcmodel=small,$(BARE)) -m32
$(O)/m/%.o: tests/multiboot/%.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MCFLAGS) -MMD -MP -c $< -o $@
$(O)/m/start.asm.o $(O)/m/flat.asm.o: tests/multiboot/start.asm Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) -f elf32 -w+all -Werror $(if $(findstring flat,$@),-DFLAT) $< -o $@
$(O)/multiboot/%.elf: $(O)/m/%.o $(O)/m/start.asm.o tests/multiboot/multiboot.ld
	$(Q)mkdir -p $(@D)
	$(Q)ld -m elf_i386 $(LDFLAGS_BARE) -T tests/multiboot/multiboot.ld $(filter %.o,$^) -o $@
$(O)/multiboot/%-flat.elf: $(O)/m/%.o $(O)/m/flat.asm.o tests/multiboot/multiboot.ld
	$(Q)mkdir -p $(@D)
	$(Q)ld -m elf_i386 $(LDFLAGS_BARE) -T tests/multiboot/multiboot.ld $(filter %.o,$^) -o $(O)/m/$*-flat.elf
	$(Q)objcopy -O binary $(O)/m/$*-flat.elf $@

# ---------------------------------------------------------------------------- hostile ring-3 programs

# Objects of their own: they are never what make cov measures.
$(O)/r/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BARE) -MMD -MP -c $< -o $@
$(O)/ring3/%.elf: $(O)/r/tests/ring3/%.o $(O)/r/tests/ring3/ring3.o $(O)/r/manager/power.o $(RING3_C:%.c=$(O)/r/%.o) $(RING3_ASM_O) guests/ring3.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)ld $(LDFLAGS_BARE) -T guests/ring3.ld $(filter %.o,$^) -o $@

HOSTILE_RING3 := $(patsubst %,$(O)/ring3/%.elf,$(filter-out ring3,$(basename $(notdir $(wildcard tests/ring3/*.c)))))

# ---------------------------------------------------------------------------- a monitor with a fault

# The monitor's own sources; the assembler makes a call of tests/fault out of each SYSCALL.
FAULT_C := $(MONITOR_C) $(sort $(wildcard tests/fault/*.c))
$(O)/f/%.o: %.c Makefile tests/fault/hook.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BARE) -mno-red-zone -include tests/fault/hook.h -MMD -MP -c $< -o $@
$(O)/fault/monitor.debug.elf: $(FAULT_C:%.c=$(O)/f/%.o) $(O)/u/tests/fault/entry.asm.o $(RING3_ASM_O) guests/ring3.ld tests/fault/extents.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)ld $(LDFLAGS_BARE) -T guests/ring3.ld $(filter %.o,$^) tests/fault/extents.ld -o $@

# ---------------------------------------------------------------------------- unit tests and fuzzers

# A unit test is one program: tests/unit/X_test.c with the sources that its first comment line
# `/* sources: a.c b.asm */` names. Hosted, ASan and UBSan; no sanitizer report is survived.
SAN   := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNITS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(sort $(wildcard tests/unit/*_test.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
sources_of = $(shell sed -n 's|^/\* sources: \(.*\) \*/$$|\1|p' $(1))
inputs_of  = $(patsubst %.asm,$(O)/unit/%.asm.o,$(sources_of))
libs_of    = $(shell sed -n 's|^/\* libs: \(.*\) \*/$$|\1|p' $(1))
UNIT_CFLAGS := $(filter-out -Wmissing-prototypes -Wconversion,$(HOST_CFLAGS)) -O1 $(SAN) -DBULKHEAD_UNIT_TEST $(UNIT_EXTRA)

$(O)/unit/%: tests/unit/%.c $$(call inputs_of,tests/unit/%.c) Makefile
	$(call say,UNIT,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) $< $(filter %.c,$(call sources_of,$<)) $(filter %.o,$^) $(call libs_of,$<) -MMD -MP -MF $@.d -o $@
$(O)/unit/%.asm.o: %.asm Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) $(NASMFLAGS) $< -o $@
$(O)/fuzz/%: tests/fuzz/%.c $$(call sources_of,tests/fuzz/%.c) Makefile
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(filter-out -Wmissing-prototypes -Wconversion,$(HOST_CFLAGS)) -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DBULKHEAD_UNIT_TEST \
		$< $(call sources_of,$<) $(call libs_of,$<) -MMD -MP -MF $@.d -o $@
unit: $(UNITS)
fuzz: $(FUZZERS)

# ---------------------------------------------------------------------------- guests, run, test

guests: $(DEPS)
	$(Q)tools/guest-fetch $(CACHE)

DEMO := $(O)/demo
$(O)/demo/bulkhead.conf: tools/demo.conf tools/make-initramfs tools/guest-init tools/guest-fetch | $(DEPS)
	$(Q)tools/guest-fetch $(CACHE) cloud generic gnumach64
	$(Q)mkdir -p $(DEMO)
	$(Q)cp $(CACHE)/vmlinuz-cloud $(DEMO)/vmlinuz
	$(Q)cp $(CACHE)/vmlinuz-generic $(CACHE)/gnumach64 $(DEMO)/
	$(Q)tools/make-initramfs $(CACHE)/busybox $(DEMO)/initrd.gz
	$(Q)cp tools/demo.conf $@

# 130: the user has left, which is no error.
run: all $(O)/demo/bulkhead.conf
	$(O)/bulkhead run $(DEMO)/bulkhead.conf || [ $$? = 130 ]

image: all $(O)/demo/bulkhead.conf
	$(O)/bulkhead image $(DEMO)/bulkhead.conf -o $(O)/box.img

debug: all $(O)/demo/bulkhead.conf
	@echo 'The box waits. In another terminal: gdb -x tools/gdb/bulkhead.gdb, then bh-cpus, bh-vcpu, c'
	$(O)/bulkhead run $(DEMO)/bulkhead.conf --cpus 2 -- -s -S

# Rows run side by side, and many boot the same program: none of them may be the one that builds it.
.PHONY: test-programs
test-programs: all payloads $(HOSTILE_RING3) $(O)/fault/monitor.elf

test: test-programs
	$(Q)tests/run $(TESTS)

bench: all payloads $(O)/demo/bulkhead.conf
	$(O)/bulkhead bench

lint: $(DEPS)
	$(Q)tools/lint

cov: $(DEPS)
	$(Q)tools/cov

soak: test-programs
	$(Q)tests/run --soak $(TESTS)

clean:
	rm -rf $(O)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
