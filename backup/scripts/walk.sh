# Sends files as tar would, from a machine that has none: stat, head, cat and readlink are enough.
#
# Arguments: the directory that is taken for the root; a mark; how many paths follow; the paths; what is left out.
# Each entry is: what stat says, the path and the link's target, each ended by a NUL; of a file, the content, in as many bytes as stat said, with zeros for
# those that are not there; then the mark and what stat says afterwards, ended by a NUL. The end is the mark and "end".
for tool in stat head cat readlink; do
	command -v "$tool" >/dev/null || { echo "neither tar nor $tool is there" >&2; exit 3; }
done
root=$1
mark=$2
count=$3
shift 3
before='%f %s %u %g %d:%i %h %y %z %U:%G'
after='%s %y %z'
nl='
'
left_out=
n=0
for x; do
	n=$((n + 1))
	if [ "$n" -gt "$count" ]; then left_out=$left_out$nl$x; fi
done
left_out=$left_out$nl

send() {
	at=$root$1
	said=$(stat -c "$before" -- "$at") || { echo "evenkeel: cannot stat: $1" >&2; return; }
	target=
	if [ -L "$at" ]; then
		target=$(readlink -n -- "$at" && printf x) || { echo "evenkeel: cannot read the link: $1" >&2; return; }
		target=${target%x}
	fi
	printf '%s\000%s\000%s\000' "$said" "$1" "$target"
	if [ -f "$at" ] && [ ! -L "$at" ]; then
		size=${said#* }
		size=${size%% *}
		if [ "$size" -gt 0 ]; then
			{
				head -c "$size" -- "$at" || echo "evenkeel: cannot read: $1" >&2
				cat /dev/zero 2>/dev/null
			} | head -c "$size"
		fi
		printf '%s%s\000' "$mark" "$(stat -c "$after" -- "$at" 2>/dev/null)"
	fi
}

walk() {
	case $left_out in *"$nl$1$nl"*) return ;; esac
	send "$1"
	if [ -d "$root$1" ] && [ ! -L "$root$1" ]; then
		{ [ -r "$root$1" ] && [ -x "$root$1" ]; } || echo "evenkeel: cannot read: $1" >&2
		for name in "$root$1"/* "$root$1"/.[!.]* "$root$1"/..?*; do
			if [ -e "$name" ] || [ -L "$name" ]; then walk "${name#"$root"}"; fi
		done
	fi
}

while [ "$count" -gt 0 ]; do
	walk "$1"
	shift
	count=$((count - 1))
done
printf '%send' "$mark"
