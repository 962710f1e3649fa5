mark=$1
groups=

# stat_of reads the state and the process group of a process. Its name may hold blanks and brackets, so what counts stands after the last bracket.
stat_of() {
	{ read -r line <"$1/stat"; } 2>/dev/null || return 1
	set -- ${line##*) }
	state=$1 group=$3
}

alive() {
	for dir in /proc/[0-9]*; do
		stat_of "$dir" || continue
		case $state in Z | X) continue ;; esac
		case $groups in *" $group "*) return 0 ;; esac
	done
	return 1
}

gone_within() {
	tries=$1
	while alive; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.1 2>/dev/null || sleep 1
	done
}

send() {
	for g in $groups; do
		kill -s "$1" -- "-$g" 2>/dev/null
	done
}

stat_of /proc/self || exit 3

# The number after the mark is the leader's. Its group is the command's; without the leader, the group that still bears its number, if a process with the mark is in it.
for file in $(grep -l -a -s "EVENKEEL_RUN=$mark\." /proc/[0-9]*/environ); do
	leader=$(tr '\0' '\n' 2>/dev/null <"$file" | sed -n "s/^EVENKEEL_RUN=$mark\.//p")
	stat_of "${file%/environ}" || continue
	case $state in Z | X) continue ;; esac
	if [ "$group" != "$leader" ] && [ "${file%/environ}" != "/proc/$leader" ]; then continue; fi
	case $groups in *" $group "*) ;; *) groups="$groups $group " ;; esac
done
if [ -z "$groups" ]; then
	echo none
	exit 0
fi

send TERM
gone_within 20 || {
	send KILL
	gone_within 10 || {
		echo alive
		exit 0
	}
}
echo ended
