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

# members tells whether the group has a process; the supervisor's own birth proves that the group is still the job's, when it lives.
stat_of() {
	{ read -r line; } 2>/dev/null <"$1/stat" || return 1
	set -- ${line##*) }
	state=$1 group=$3
	shift 19
	born=$1
}
others() {
	for dir in /proc/[0-9]*; do
		stat_of "$dir" || continue
		case $state in Z | X) continue ;; esac
		[ "$group" != "$pid" ] || [ "$dir" = "/proc/$pid" ] || return 0
	done
	return 1
}
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
		stat_of "$dir" || continue
		[ "$group" = "$pid" ] && [ "$dir" != "/proc/$pid" ] && kill -s "$1" "${dir#/proc/}" 2>/dev/null
	done
}
for signal in TERM KILL KILL; do
	send "$signal"
	tries=20
	while others && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1 2>/dev/null || sleep 1
	done
	others || break
done
if others; then echo alive; else echo ended; fi
