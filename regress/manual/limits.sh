#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Shows a person that a limit holds. Start htop in another terminal, then:
#
#	regress/manual/limits.sh cpu|memory|io|pids
#
# It uses telepilot from build/ (or $TELEPILOT) and your own profile, so a daemon must
# run; `make quickstart` shows how to get one. Ends by itself within a minute, or by
# Ctrl-C, which stops the job.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
telepilot=${TELEPILOT:-${BUILD:-$here/build}/telepilot}

usage()
{
	echo "usage: $0 cpu|memory|io|pids" >&2
	exit 2
}

look()
{
	printf '\n%s\n\n' "$*"
}

show()
{
	echo "\$ telepilot $*"
	"$telepilot" "$@"
}

cpu()
{
	look "htop: sort by CPU% (P). One busy \"sh\" stays at about 50 %; without --cpu it" \
	    "would be at 100 %. 30 seconds."
	show run --cpu 0.5 -- timeout 30 sh -c 'while :; do :; done' || true
}

memory()
{
	look "htop: sort by MEM% (M). A \"python3\" grows to 256 MiB and is killed there."
	if show run --memory 256MiB -- python3 -c '
import time
b = []
while True:
    b.append(bytearray(8 << 20))
    print(8 * len(b), "MiB", flush=True)
    time.sleep(0.1)'; then
		echo "it was not killed: the limit does not hold" >&2
	fi
	look "And how the server calls its end:"
	show ps --last 1
}

io()
{
	dir=$1
	look "htop: F2, Screens, the I/O tab, or run iotop. dd writes 200 MB to $dir at" \
	    "about 10 MB/s, so for 20 seconds. Give another directory as the second argument" \
	    "if $dir is not on the disk you want, or not writable for your jobs."
	file=$dir/telepilot-limits.$$
	show run --io 10MB/s -- dd if=/dev/zero "of=$file" bs=1M count=200 oflag=direct || true
	show run -- rm -f "$file"
}

pids()
{
	look "htop: tree view (F5). A fork bomb: at most 30 processes of it, and the" \
	    "machine stays usable. 20 seconds."
	show run --pids 30 -- timeout 20 bash -c 'b() { b | b & }; b; sleep 20' 2>/dev/null || true
}

case ${1:-} in
cpu|memory|pids)
	[ $# -eq 1 ] || usage
	"$1" ;;
io)
	[ $# -le 2 ] || usage
	io "${2:-/var/tmp}" ;;
*)
	usage ;;
esac
