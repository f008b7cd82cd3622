# SPDX-License-Identifier: GPL-2.0-only
# For judges of several VMs: a config, a box in the background, keys typed into it when it has said something. With KEEP
# what it said stays in that file.
# After common.sh; `options` are those of bulkhead run.
payload() { # NAME...
	for p; do
		make -s O="$O" "$O/payload/$p.elf" || fail "payload $p does not build"
		cp "$O/payload/$p.elf" "$work/"
	done
}
conf() { cat >"$work/bulkhead.conf"; }
vm() { # NAME KERNEL [KEY = VALUE ...]: one section
	printf '[vm %s]\nmemory = %s\nkernel = %s\n' "$1" "${MEMORY:-32M}" "$2"
	shift 2
	[ $# = 0 ] || printf '%s\n' "$@"
}

leave() {
	[ -z "${KEEP:-}" ] || cp "$work/out" "$KEEP"
	rm -rf "$work"
}
trap leave EXIT

# The box in the background; `type` is its keyboard.
start_box() {
	local cov
	mkfifo "$work/keys"
	cov_options "${options[@]}" "$@"
	"${BULKHEAD:-$O/bulkhead}" run "$work/bulkhead.conf" "${options[@]}" "$@" "${cov[@]}" >"$work/out" 2>&1 <"$work/keys" &
	box=$!
	exec 7>"$work/keys"
	trap 'kill "$box" 2>/dev/null; wait "$box" 2>/dev/null; leave' EXIT
}
type_keys() { printf '%b' "$1" >&7; }
menu() { type_keys "\024$1\r"; }
# Until the box has said this; it ends by itself when its time is over.
await() {
	while ! said "$1"; do
		kill -0 "$box" 2>/dev/null || { said "$1" || fail "the box ended without '$1'"; break; }
		sleep 0.1
	done
}
# Until it has said $2 on a line behind the first one with $1: what a VM shows when it gets the keyboard.
await_after() {
	await "$1"
	while ! tr -d '\r' <"$work/out" | sed -n "1,/$1/!p" | grep -qaE -- "$2"; do
		kill -0 "$box" 2>/dev/null || { fail "the box ended without '$2' behind '$1'"; break; }
		sleep 0.1
	done
}
end_box() {
	wait "$box"
	status=$?
	trap leave EXIT
}
want() { said "$1" || fail "no line like '$1'"; }
code() { [ $status = "$1" ] || fail "bulkhead run returned $status, not $1"; }
lines() { grep -acE -- "$1" "$work/out"; }

# From now on boxes have a monitor with faults (tests/fault).
monitor_with_faults() {
	make -s O="$O" programs "$O/fault/monitor.elf" || fail "it does not build"
	mkdir "$work/bin"
	cp "$O/bulkhead" "$O/kernel.elf" "$O/manager.elf" "$O/BOOTX64.EFI" "$O/fault/monitor.elf" "$work/bin/"
	BULKHEAD=$work/bin/bulkhead
}
