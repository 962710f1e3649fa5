# Runs a command whose files were made ready: $1 their directory, $2 the name that the directory takes when the command starts, $3 the command, $4 the file with its input, or - for this
# script's own, $5 the command's umask, $6 its directory. Whoever takes the name first runs its command; a directory that is not empty is not replaced.
new=$1 job=$2 line=$3 input=$4 mask=$5 home=$6
born() {
	{ read -r stat; } 2>/dev/null </proc/$$/stat || exit 1
	set -- ${stat##*) }
	shift 19
	echo "$$ $1"
}
cd -- "$new" || exit 1
born >pid || exit 1
if [ "$input" != - ]; then
	exec <"$input" || exit 1
	rm -f -- "$input"
fi
mv -T -- "$new" "$job" 2>/dev/null || exit 1
# This script keeps the lock of the command's fence; the command's daemons would keep it for ever. The command is marked as a fenced one is: where this script is
# killed, and with it the lock is gone, it is still found.
(
	umask "$mask"
	cd -- "$home"
	if [ -n "$EVENKEEL_FENCE" ]; then
		{ read -r own rest; } 2>/dev/null </proc/self/stat
		EVENKEEL_FENCE=$own:${EVENKEEL_FENCE#*:}
	fi
	exec /bin/sh -c "$line"
) >stdout 2>stderr 9<&-
code=$?
true >over # from here on this script's children are its own work, and nobody ends them: see job_end.sh
# A shell says 128+N of a program that signal N has ended; there is no telling it from one that exits with that number.
signal=
[ "$code" -le 128 ] || signal=$(kill -l "$code" 2>/dev/null)
echo "$code $signal" | dd of=status.new conv=fsync 2>/dev/null && mv -f status.new status
