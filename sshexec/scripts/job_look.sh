# Looks at a job: $1 its directory, $2 and $3 how much of its output and errors is known, $4 the most to print of each, $5 how many tenths of a second to wait for news. Prints one line,
# "none" or STATE CODE SIGNAL SIZE SIZE DIGEST, then that much of the output and of the errors. STATE is running, ended or lost.
if [ ! -d "$1" ]; then
	# That there is none is known only where the directory of jobs can be read, or was never made.
	jobs=${1%/*}
	[ ! -e "$jobs" ] || { [ -d "$jobs" ] && [ -r "$jobs" ] && [ -x "$jobs" ] && [ ! -e "$1" ]; } || exit 1
	echo none
	exit 0
fi
cd -- "$1" || exit 1
most=$4 tries=$5

# here tells whether the job is at work: its supervisor is, or, where that was killed, a process of its group is. Nobody else gets the number of a group that lives.
here() {
	read -r boot <boot && read -r now </proc/sys/kernel/random/boot_id && [ "$boot" = "$now" ] || return 1
	read -r pid birth <pid || return 1
	if { read -r stat; } 2>/dev/null <"/proc/$pid/stat"; then
		set -- ${stat##*) }
		leader=$1
		shift 19
		[ "$1" = "$birth" ] || return 1
		case $leader in Z | X) ;; *) return 0 ;; esac
	fi
	for file in /proc/[0-9]*/stat; do
		{ read -r stat; } 2>/dev/null <"$file" || continue
		set -- ${stat##*) }
		case $1 in Z | X) continue ;; esac
		[ "$3" != "$pid" ] || return 0
	done
	return 1
}

look() {
	state=running code=- signal=-
	if [ ! -e status ] && ! here && [ ! -e status ]; then state=lost; fi
	if [ -e status ]; then
		state=ended
		read -r code signal <status
	fi
	out=$(($(wc -c <stdout) - $1))
	err=$(($(wc -c <stderr) - $2))
}

look "$2" "$3"
while [ "$state" = running ] && [ "$out" -eq 0 ] && [ "$err" -eq 0 ] && [ "$tries" -gt 0 ]; do
	sleep 0.1 2>/dev/null || sleep 1
	tries=$((tries - 1))
	look "$2" "$3"
done
[ "$out" -le "$most" ] || out=$most
[ "$err" -le "$most" ] || err=$most
read -r digest <digest || exit 1
echo "$state $code ${signal:--} $out $err $digest"
[ "$out" -eq 0 ] || tail -c "+$(($2 + 1))" stdout | head -c "$out"
[ "$err" -eq 0 ] || tail -c "+$(($3 + 1))" stderr | head -c "$err"
