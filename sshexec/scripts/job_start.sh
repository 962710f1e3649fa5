# Starts a command on its own, or finds it started: $1 directory, $2 id, $3 digest of the command, $4 the command for people, $5 the command for /bin/sh, $6 the word that ends
# the input, $7 whether the input is a secret, $8 the supervisor's script. Prints "started" or "there", or "differs". Exits with 3 where the job may have started.
mask=$(umask) home=$PWD # of the command, as the login has them
umask 077
dir=$1 id=$2 digest=$3 shown=$4 line=$5 word=$6 secret=$7 supervisor=$8

fail() {
	echo "$1" >&2
	exit "${2:-1}"
}

report() {
	read -r was <"$dir/$id/digest" || fail "the job's directory $dir/$id is damaged"
	if [ "$was" = "$digest" ]; then echo "$1"; else echo differs; fi
	exit 0
}

[ -d "$dir" ] || mkdir -p -- "$dir" || exit 1
if [ -L "$dir" ] || [ ! -O "$dir" ]; then fail "$dir does not belong to this user"; fi
[ ! -e "$dir/$id" ] || report there
[ -r /proc/self/stat ] || fail "this machine has no /proc"

new=
trap '[ -z "$new" ] || rm -rf -- "$new"' EXIT
trap 'exit 1' HUP INT TERM
new=$(mktemp -d "$dir/.$id.XXXXXX") || exit 1
if [ "$secret" = yes ]; then
	# A secret stays in the memory of the shells.
	input=$(cat)
	case $input in
	*"$word") input=${input%"$word"} ;;
	*) fail "the input was cut off" ;;
	esac
else
	cat >"$new/input" || exit 1
	size=$(wc -c <"$new/input")
	size=$((size - ${#word}))
	[ "$size" -ge 0 ] && [ "$(tail -c "${#word}" "$new/input")" = "$word" ] || fail "the input was cut off"
	# The word is cut off by writing nothing at its place.
	dd of="$new/input" bs=1 seek="$size" count=0 </dev/null 2>/dev/null || exit 1
fi
printf '%s\n' "$digest" >"$new/digest" && printf '%s\n' "$shown" >"$new/command" && cat /proc/sys/kernel/random/boot_id >"$new/boot" || exit 1
: >"$new/stdout" && : >"$new/stderr" || exit 1

command -v setsid >/dev/null 2>&1 || fail "setsid is not here" 127
trap 'exit 3' HUP INT TERM
if [ "$secret" = yes ]; then
	{ printf %s "$input" | setsid /bin/sh -c "$supervisor" sh "$new" "$dir/$id" "$line" - "$mask" "$home"; } >/dev/null 2>&1 &
else
	setsid /bin/sh -c "$supervisor" sh "$new" "$dir/$id" "$line" input "$mask" "$home" </dev/null >/dev/null 2>&1 &
fi
# Either this supervisor takes the name, and the files are no longer where they were made ready; or another was first, and this one ends: before it has, its files must not be
# touched, or it could take the name with what is left of them.
own=$!
tries=200
until [ -e "$dir/$id/pid" ] && { [ ! -d "$new" ] || ! kill -0 "$own" 2>/dev/null; }; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || fail "the job does not start" 3
	sleep 0.05 2>/dev/null || sleep 1
done
if [ -d "$new" ]; then report there; fi # another start was first
report started
