# Puts the lease $3 into the file $1, which must say $2, or $3 already; $4 is the length of its line, and
# $5 is the line behind it, which stays where it is of the same life. Prints "taken", or "changed" and what the file says, or
# "busy" and the commands that hold its lock. The file is written in place, by one write, and is never replaced: running commands hold its lock.
path=$1 seen=$2 lease=$3 size=$4 mark=$5
umask 022

say() { printf '%s %s\n' "$1" "$2"; } # what echo says of a backslash differs

# running lists the commands that a fence of this lease started: those whose own number stands in their environment. Without root it sees this user's only.
running() {
	for file in $(grep -l -a -s -F ":$path" /proc/[0-9]*/environ 2>/dev/null); do
		pid=${file#/proc/}
		pid=${pid%/environ}
		tr '\0' '\n' <"$file" 2>/dev/null | grep -q -x -F "EVENKEEL_FENCE=$pid:$path" || continue
		state=$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat" 2>/dev/null)
		case $state in '' | Z | X) continue ;; esac
		say "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | tr -d '\n' | cut -c 1-200)"
	done
}

# holding lists who has the lock, in other words: a job that runs on its own says in its directory what it is.
holding() {
	for fd in /proc/[0-9]*/fd/*; do # a shell may have moved it to another number
		pid=${fd#/proc/}
		pid=${pid%%/*}
		[ "$pid" != $$ ] && [ "$fd" -ef "$path" ] || continue
		[ "$(sed 's/.*) . //; s/ .*//' "/proc/$pid/stat" 2>/dev/null)" != $$ ] || continue # this script's own
		if [ -r "/proc/$pid/cwd/command" ]; then
			say "$pid" "$(head -n 1 "/proc/$pid/cwd/command" | cut -c 1-200)"
		else
			say "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | tr -d '\n' | cut -c 1-200)"
		fi
	done
}

exec 9<>"$path" || exit 1
tries=20
until flock -n -x 9; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || {
		left=$(running 9<&-)
		[ -n "$left" ] || left=$(holding 9<&-)
		say busy "$left"
		exit 0
	}
	sleep 0.1 2>/dev/null || sleep 1
done
# A command whose wrapper was killed holds no lock any more, and may still run.
left=$(running 9<&-)
[ -z "$left" ] || {
	say busy "$left"
	exit 0
}
read -r line <&9
[ -n "$line" ] || [ ! -s "$path" ] || line=unreadable # as the look calls it
read -r at <&9
case "$at" in "${mark% *} "*) mark=$at ;; esac
if [ "$line" != "$seen" ] && [ "$line" != "$lease" ]; then
	say changed "$line"
	exit 0
fi
printf "%-${size}s\n%-63s\n" "$lease" "$mark" | dd of="$path" bs=4096 conv=notrunc,fsync 2>/dev/null || {
	echo "cannot write $path" >&2
	exit 1
}
read -r line <"$path"
[ "$line" = "$lease" ] || {
	echo "wrote $path, and it reads otherwise" >&2
	exit 1
}
echo taken
