# SPDX-License-Identifier: GPL-2.0-only
# What the boot tests share: a private folder with a config file, one boot of it, words on the result.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
O=${O:-build} CACHE=${CACHE:-cache}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
	echo "FAIL: $*"
	[ -z "${KEEP:-}" ] || cp "$work/out" "$KEEP"
	[ -f "$work/out" ] && { echo "--- the box said:"; tail -n 60 "$work/out"; }
	exit 1
}
# The box's whole output is in $work/out, the exit status of `bulkhead run` in $status.
# With COV_DIR the programs' coverage counters are kept there (make cov).
cov_options() { # OPTIONS: sets cov
	cov=()
	[ -z "${COV_DIR:-}" ] || [[ " $* " == *" -- "* || " $* " == *" bochs "* ]] ||
		cov=(-- -chardev "file,id=cov,path=$COV_DIR/$$-$RANDOM.cov" -device isa-debugcon,iobase=0x4f8,chardev=cov)
}
run_box() {
	local cov
	cov_options "$@"
	"${BULKHEAD:-$O/bulkhead}" run "$work/bulkhead.conf" "$@" "${cov[@]}" >"$work/out" 2>&1 </dev/null
	status=$?
}
said() { grep -qaE -- "$1" "$work/out"; }
