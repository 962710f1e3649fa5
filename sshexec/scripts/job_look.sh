# Looks at a job: $1 its directory, $2 and $3 how much of its output and errors is known, $4 the most to print of each, $5 how many tenths of a second to wait for news. Prints one line,
# "none" or STATE CODE SIGNAL SIZE SIZE DIGEST, then that much of the output and of the errors. STATE is running, ended or lost.
[ -d "$1" ] || {
	echo none
	exit 0
}
cd -- "$1" || exit 1
most=$4 tries=$5

# here tells whether the supervisor is the process that its file names.
here() {
	read -r boot <boot && read -r now </proc/sys/kernel/random/boot_id && [ "$boot" = "$now" ] || return 1
	read -r pid birth <pid || return 1
	{ read -r stat; } 2>/dev/null <"/proc/$pid/stat" || return 1
	set -- ${stat##*) }
	case $1 in Z | X) return 1 ;; esac
	shift 19
	[ "$1" = "$birth" ]
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
	[ "$out" -ge 0 ] && [ "$err" -ge 0 ] || exit 1
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
