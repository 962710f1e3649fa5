# Ends a job whose directory is $1: its supervisor leads the process group. Prints "ended", "alive", or "none" when it has ended before.
cd -- "$1" 2>/dev/null || {
	echo none
	exit 0
}
read -r boot <boot && read -r now </proc/sys/kernel/random/boot_id && [ "$boot" = "$now" ] || {
	echo none
	exit 0
}
read -r pid birth <pid || exit 1

# The supervisor's own birth proves that the group is still the job's, when it lives.
stat_of() {
	{ read -r line; } 2>/dev/null <"$1/stat" || return 1
	set -- ${line##*) }
	state=$1 parent=$2 group=$3
	shift 19
	born=$1
}
# supervised tells whether the supervisor is there.
supervised() { stat_of "/proc/$pid" && [ "$born" = "$birth" ] && [ "$state" != Z ] && [ "$state" != X ]; }
# over tells whether the command has come to its end by what the supervisor has written.
over() { [ -e over ] || [ -e status ]; }
# other tells whether a process is of the group and not the supervisor, nor at the supervisor's work after the command, which writes the status down.
other() {
	stat_of "$1" && [ "$group" = "$pid" ] && [ "$1" != "/proc/$pid" ] || return 1
	case $state in Z | X) return 1 ;; esac
	[ "$parent" != "$pid" ] || ! over
}
others() {
	for dir in /proc/[0-9]*; do
		if other "$dir"; then return 0; fi
	done
	return 1
}
# gone tells whether nothing is left of the command; a supervisor that is not over may not have begun it yet.
gone() { { over || ! supervised; } && ! others; }
none() {
	echo none
	exit 0
}
if stat_of "/proc/$pid"; then
	[ "$born" = "$birth" ] || none
else
	others || none # the supervisor was killed; what it started may live
fi

# The supervisor stays to write the status down; it ignores nothing, so its children are told one by one.
send() {
	for dir in /proc/[0-9]*; do
		if other "$dir"; then kill -s "$1" "${dir#/proc/}" 2>/dev/null; fi
	done
}
# await runs the command that its other arguments are until it succeeds, for up to $1 tenths of a second.
await() {
	tries=$1
	shift
	until "$@"; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.1 2>/dev/null || sleep 1
	done
}
begun() { over || others || ! supervised; }
recorded() { [ -e status ] || ! supervised; }

await 20 begun
for signal in TERM KILL KILL; do
	send "$signal"
	if await 20 gone; then
		await 200 recorded # the disk may be slow
		echo ended
		exit 0
	fi
done
echo alive
